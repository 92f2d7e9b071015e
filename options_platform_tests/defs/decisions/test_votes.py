"""Plans by votes and entry days in a home: the same from one session as from the whole range."""

import shutil
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.planning.conditions.cadence import first_sessions
from options_platform.domain.planning.conditions.votes import VoteRules
from options_platform.domain.risk.sizing import VolTarget
from options_platform.runs import RunFailedError
from options_platform_tests.platform import run


def test_plans_by_votes_follow_the_stored_features_alone_and_in_a_range(simulated_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(simulated_home.home, home)
    votes = VoteRules(needed=1, below={"vix_to_mean_10": 1.0})
    selection = replace(simulated_home.plan.selection, votes=votes, cadence="week")
    settings = replace(
        simulated_home, home=home, plan=replace(simulated_home.plan, selection=selection)
    )
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    by_default = warehouse.read(TRADE_PLAN)
    days = by_default["date"].unique().sort()
    run(settings, days[0], days[-1], assets=["trade_plan"])
    plans = warehouse.read(TRADE_PLAN)
    rows = plans.join(
        warehouse.read(FEATURES_TABLE, columns=["date", "ticker", "vix_to_mean_10"]),
        on=["date", "ticker"],
    )
    below = (pl.col("vix_to_mean_10") < 1.0).fill_null(value=False)
    assert rows.filter((pl.col("votes") == 1) != below).is_empty()
    trades = rows.filter(pl.col("decision") == "trade")
    assert 0 < trades.height < by_default.filter(pl.col("decision") == "trade").height
    assert trades["votes"].unique().to_list() == [1]
    assert trades["date"].is_in(first_sessions("week").implode()).all()
    kept = by_default.join(trades, on=["date", "ticker"], how="semi")
    assert kept["plan_id"].to_list() == trades.sort("date", "ticker")["plan_id"].to_list()
    day = trades["date"].max()
    run(settings, day, day, assets=["trade_plan"])
    assert warehouse.read(TRADE_PLAN).equals(plans)


def test_votes_on_features_of_a_former_version_are_refused_with_the_remedy(
    simulated_home, tmp_path
):
    home = tmp_path / "home"
    shutil.copytree(simulated_home.home, home)
    votes = VoteRules(needed=1, below={"vix_to_mean_10": 1.0})
    selection = replace(simulated_home.plan.selection, votes=votes)
    settings = replace(
        simulated_home, home=home, plan=replace(simulated_home.plan, selection=selection)
    )
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    plans = warehouse.read(TRADE_PLAN)
    day = plans["date"].max()
    warehouse.execute(["UPDATE features SET feature_version = 'former', vix_to_mean_10 = NULL"])
    advice = f"backfill --start {day} --end {day} --select features"
    with pytest.raises(RunFailedError, match=advice):
        run(settings, day, day, assets=["trade_plan"])
    assert warehouse.read(TRADE_PLAN).equals(plans)
    run(settings, day, day, assets=["features", "trade_plan"])
    assert warehouse.read(TRADE_PLAN, start=day)["votes"].null_count() == 0
    # Without votes the plans need none of these features, unless sizes follow the forecast.
    warehouse.execute(["UPDATE features SET feature_version = 'former', vix_to_mean_10 = NULL"])
    plain = simulated_home.plan
    target = replace(plain, sizing=replace(plain.sizing, vol_target=VolTarget(0.15)))
    with pytest.raises(RunFailedError, match=f"what votes or sizes ask about, .*{advice}"):
        run(replace(settings, plan=target), day, day, assets=["trade_plan"])
    run(replace(settings, plan=simulated_home.plan), day, day, assets=["trade_plan"])
    assert warehouse.read(TRADE_PLAN).equals(plans)
