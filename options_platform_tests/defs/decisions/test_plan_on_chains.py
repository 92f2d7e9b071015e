"""The asset `trade_plan` uses the stored chain of its session if there is one."""

import shutil
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest_study.variants import Variant, run_variants
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.planning.plan import build_plans
from options_platform.services.backtesting.run import load_backtest
from options_platform_tests.platform import run


@pytest.fixture(scope="module")
def settings(simulated_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("chains") / "home"
    shutil.copytree(simulated_home.home, home)
    return replace(simulated_home, home=home)


@pytest.mark.long
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


@pytest.mark.long
def test_damaged_chains_stop_no_plan(settings):
    """The night's own, and one five weeks old, which `iv_history` and `surface_error` come upon."""
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    day = settings.end
    old = shift(day, -25)
    run(settings, old, old, assets=["option_chain"])
    run(settings, day, day, assets=["option_chain"])
    for broken in (old, day):
        for ticker in settings.tickers:
            (settings.chains_path / ticker / f"{broken}.parquet").write_bytes(b"garbage")
    run(settings, day, day, assets=["iv_history", "surface_error", "trade_plan"])
    plans = warehouse.read(TRADE_PLAN, start=day, end=day)
    assert plans["ticker"].sort().to_list() == sorted(settings.tickers)
    assert "real" not in plans["chain_source"].to_list()
    data = load_backtest(warehouse, settings.tickers, chains=ChainStore(settings.chains_path))
    assert data.market.chains is None or data.market.chains.chain(day, "SPY") is None
    # The source gives the night's chain again.
    run(settings, day, day, assets=["option_chain"])
    assert ChainStore(settings.chains_path).read([(day, "SPY")]).height
    for ticker in settings.tickers:
        (settings.chains_path / ticker / f"{old}.parquet").unlink()


@pytest.mark.long
def test_a_backtest_plans_on_the_stored_chain_of_a_day_as_its_nightly_run_does(settings):
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    store = ChainStore(settings.chains_path)
    first = shift(settings.end, -9)
    run(settings, first, settings.end, assets=["option_chain", "iv_history"])
    keys = store.stored(tickers=settings.tickers, start=first, end=settings.end)
    store.write(store.read(keys).with_columns(source=pl.lit("csv")))
    run(settings, first, settings.end, assets=["trade_plan"])
    nightly = warehouse.read(TRADE_PLAN, start=first, end=settings.end)
    data = load_backtest(warehouse, settings.tickers, end=settings.end, chains=store)
    variant = Variant("as set", settings.plan, settings.backtest_rules)
    stored = data.market.chain_of(variant.rules.chains)
    plans, _ = build_plans(data.inputs, settings.plan, stored)
    tested = plans.filter(pl.col("date") >= first)
    compared = ["date", "ticker", "decision", "strategy", "expiry", "limit_price", "chain_source"]
    assert tested.select(compared).equals(nightly.select(compared))
    assert "real" in tested["chain_source"].to_list()
    ((_, result),) = run_variants([variant], data.inputs, data.market)
    late = result.trades.filter(pl.col("opened_on") > first)["plan_id"]
    sources = result.sources.filter(pl.col("plan_id").is_in(late.implode()))
    assert sources.height
    assert (sources["real_share"] > 0.9).all()
    early = result.trades.filter(pl.col("closed_on") < first)["plan_id"]
    before = result.sources.filter(pl.col("plan_id").is_in(early.implode()))
    assert before["chain_source"].unique().to_list() == ["synthetic"]
