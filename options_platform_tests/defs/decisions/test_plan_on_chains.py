"""The asset `trade_plan` uses the stored chain of its session if there is one."""

import shutil
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform_tests.platform import run


@pytest.fixture(scope="module")
def settings(simulated_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("chains") / "home"
    shutil.copytree(simulated_home.home, home)
    return replace(simulated_home, home=home)


def test_a_plan_uses_only_the_chain_of_its_day_alone_or_in_a_range(settings):
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    before = warehouse.read(TRADE_PLAN)
    trades = before.filter((pl.col("decision") == "trade") & (pl.col("ticker") == "SPY"))
    day, end = trades["date"][-1], settings.end
    run(settings, day, day, assets=["option_chain", "iv_history"])
    run(settings, day, day, assets=["trade_plan"])
    # A chain of the simulated market is no real one.
    assert warehouse.read(TRADE_PLAN).equals(before)
    store = ChainStore(settings.chains_path)
    chains = store.read(store.stored(tickers=settings.tickers, start=day, end=day))
    store.write(chains.with_columns(source=pl.lit("csv")))
    run(settings, day, day, assets=["trade_plan"])
    alone = warehouse.read(TRADE_PLAN)
    today = pl.col("date") == day
    traded = alone.filter(today & (pl.col("decision") == "trade"))
    assert traded["chain_source"].unique().to_list() == ["real"]
    assert alone.filter(~today).equals(before.filter(~today))
    legs = warehouse.read(TRADE_PLAN_LEGS)
    run(settings, before["date"][0], end, assets=["trade_plan"])
    assert warehouse.read(TRADE_PLAN).equals(alone)
    assert warehouse.read(TRADE_PLAN_LEGS).equals(legs)
