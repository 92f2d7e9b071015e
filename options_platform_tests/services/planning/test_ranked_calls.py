"""The ranks of stored calls, and what follows when earlier predictions are missing or changed."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    CHAMPIONS,
    DIRECTION_MODEL,
    MODEL_PREDICTIONS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
)
from options_platform.domain.planning.call_ranks import call_ranks
from options_platform.errors import IncompleteDataError
from options_platform.models.promotion import DEFAULT
from options_platform.services.planning.plan_inputs import plan_inputs
from options_platform.services.planning.ranked_calls import (
    outdated_plans,
    stored_calls,
    unpredicted,
)
from options_platform_tests.platform import run

KEY = ["date", "ticker"]
MONTH = (date(2016, 11, 1), date(2016, 11, 30))


@pytest.fixture
def settings(simulated_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(simulated_home.home, home)
    return replace(simulated_home, home=home)


@pytest.fixture
def warehouse(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=30.0)


def delete(warehouse, condition):
    warehouse.execute(
        [f"DELETE FROM {table.name} WHERE {condition}"
         for table in (DIRECTION_MODEL, MODEL_PREDICTIONS)]
    )  # fmt: skip


def test_one_session_and_the_whole_range_give_the_same_ranks(simulated_home):
    warehouse = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    tickers, first, last = simulated_home.tickers, date(2016, 10, 3), simulated_home.end
    whole = plan_inputs(warehouse, tickers, first, last)
    assert whole["call_rank"].drop_nulls().len() > 20
    assert whole["earlier_calls"].null_count() == 0
    assert whole["earlier_calls"].max() > 20
    for day in whole["date"].unique().sort()[::10]:
        alone = plan_inputs(warehouse, tickers, day, day)
        assert alone.equals(whole.filter(pl.col("date") == day))
    assert (
        warehouse.read(TRADE_PLAN, start=first)
        .select(*KEY, "call_rank", "earlier_calls")
        .equals(whole.select(*KEY, "call_rank", "earlier_calls").sort(KEY))
    )


def test_a_gap_in_earlier_months_is_refused_with_the_command_that_fills_it(settings, warehouse):
    delete(warehouse, "ticker = 'SPY' AND date BETWEEN '2016-11-15' AND '2016-11-17'")
    day = settings.end
    with pytest.raises(
        IncompleteDataError,
        match=r"3 rows before 2017-03-01.*backfill --start 2016-11-15 --end 2016-11-17 --select",
    ):
        plan_inputs(warehouse, settings.tickers, day, day)
    # Of the gap's own month no call counts, and of another ticker none either.
    inside = date(2016, 11, 22)
    assert plan_inputs(warehouse, settings.tickers, inside, inside).height == 2
    assert plan_inputs(warehouse, ["QQQ"], day, day).height == 1


def test_a_run_of_one_session_predicts_the_earlier_ones_without_a_prediction(settings, warehouse):
    before = {table: warehouse.read(table) for table in (DIRECTION_MODEL, MODEL_PREDICTIONS)}
    delete(warehouse, "ticker = 'SPY' AND date BETWEEN '2016-11-15' AND '2016-11-17'")
    day = settings.end
    assert unpredicted(warehouse, settings.tickers, day).height == 3
    run(settings, day, day, assets=["direction_model", "trade_plan"], backfill=False)
    assert unpredicted(warehouse, settings.tickers, day).is_empty()
    assert warehouse.read(DIRECTION_MODEL).equals(before[DIRECTION_MODEL])
    shipped = pl.col("model") == "direction"
    after = warehouse.read(MODEL_PREDICTIONS)
    assert after.filter(shipped).equals(before[MODEL_PREDICTIONS].filter(shipped))


def with_another_past(settings, warehouse):
    """Make a past month surer than it was, and the plans after it with these predictions."""
    rows = warehouse.read(DIRECTION_MODEL)
    surer = [(0.5 + 0.5 * pl.col(name)).alias(name) for name in ("p_bearish", "p_bullish")]
    of_month = rows.filter(pl.col("date").is_between(*MONTH)).with_columns(surer)
    warehouse.write([(DIRECTION_MODEL, of_month)])
    run(settings, date(2016, 10, 3), settings.end, assets=["trade_plan"])


@pytest.mark.long
def test_later_plans_are_made_anew_with_the_past_month_that_changes_their_ranks(
    settings, warehouse
):
    plans, legs = warehouse.read(TRADE_PLAN), warehouse.read(TRADE_PLAN_LEGS)
    assert outdated_plans(warehouse, settings.tickers, MONTH[1]).is_empty()
    with_another_past(settings, warehouse)
    changed = warehouse.read(TRADE_PLAN)
    assert not changed.equals(plans)
    assert outdated_plans(warehouse, settings.tickers, MONTH[1]).is_empty()
    run(settings, *MONTH, assets=["direction_model", "trade_plan"])
    assert warehouse.read(TRADE_PLAN).equals(plans)
    assert warehouse.read(TRADE_PLAN_LEGS).equals(legs)


def newest(settings, asset):
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        storage = instance.event_log_storage
        return storage.get_latest_storage_id_by_partition(dg.AssetKey(asset), kind)


@pytest.mark.long
def test_without_the_plans_step_the_later_plans_are_shown_as_stale(settings, warehouse):
    with_another_past(settings, warehouse)
    run(settings, *MONTH, assets=["direction_model"])
    outdated = outdated_plans(warehouse, settings.tickers, MONTH[1])
    assert outdated.height > 50
    calls, plans = newest(settings, "direction_model"), newest(settings, "trade_plan")
    stale = {partition for partition, at in plans.items() if calls.get(partition, 0) > at}
    for day, ticker in outdated.iter_rows():
        assert f"{day}|{ticker}" in stale
    # The next run of the plans' step finds them by itself, and nothing is stale any more.
    run(settings, *MONTH, assets=["trade_plan"])
    assert outdated_plans(warehouse, settings.tickers, MONTH[1]).is_empty()
    calls, plans = newest(settings, "direction_model"), newest(settings, "trade_plan")
    assert all(plans[f"{day}|{ticker}"] > calls[f"{day}|{ticker}"] for day, ticker in
               outdated.iter_rows())  # fmt: skip


def test_plans_of_a_former_version_are_left_as_they_are(settings, warehouse):
    former = warehouse.read(TRADE_PLAN).with_columns(
        pl.lit(None, pl.Int32).alias("earlier_calls"), pl.lit(None, pl.Float64).alias("call_rank")
    )
    warehouse.write([(TRADE_PLAN, former)])
    assert outdated_plans(warehouse, settings.tickers, MONTH[1]).is_empty()


def promote(warehouse, number, model, since, trial_id="x"):
    champion = {
        "target": "direction", "number": number, "model": model, "trial_id": trial_id,
        "p_naive": 0.01, "p_previous": 0.01, "reason": "promoted", "since": since,
    }  # fmt: skip
    warehouse.upsert(CHAMPIONS, pl.DataFrame([champion], schema=CHAMPIONS.schema))


def without_variants(warehouse, before=date.max):
    """Store the predictions of sessions before a day as a former version did."""
    rows = warehouse.read(DIRECTION_MODEL).with_columns(
        variant=pl.when(pl.col("date") >= before).then("variant")
    )
    warehouse.write([(DIRECTION_MODEL, rows)])


def test_a_promotion_and_a_rollback_change_no_earlier_rank_of_an_updated_home(settings, warehouse):
    # From February on the updated platform predicted, and named the variant.
    without_variants(warehouse, before=date(2017, 2, 1))
    ranks = call_ranks(stored_calls(warehouse, settings.tickers))
    assert ranks.filter(pl.col("date") >= date(2017, 2, 1))["earlier_calls"].min() > 20
    for number, model in enumerate(("scaled", DEFAULT["direction"]), start=1):
        promote(warehouse, number, model, datetime(2017, 8, number, tzinfo=UTC))
        assert call_ranks(stored_calls(warehouse, settings.tickers)).equals(ranks)
        assert outdated_plans(warehouse, settings.tickers, MONTH[1]).is_empty()


def test_a_prediction_without_a_variant_is_of_the_champion_at_the_close_of_its_session(
    settings, warehouse
):
    without_variants(warehouse)
    default = DEFAULT["direction"]
    assert stored_calls(warehouse, settings.tickers)["variant"].unique().to_list() == [default]
    # New York closes at 21:00 UTC in winter: too late for that day on the 4th, in time on the 6th.
    promote(warehouse, 1, "scaled", datetime(2017, 1, 4, 21, 1, tzinfo=UTC))
    promote(warehouse, 2, default, datetime(2017, 1, 6, 20, 59, tzinfo=UTC), trial_id=None)
    calls = stored_calls(warehouse, settings.tickers)
    of_champion = calls.filter(pl.col("variant") == "scaled")
    assert of_champion["date"].unique().to_list() == [date(2017, 1, 5)]
    assert calls["variant"].null_count() == 0
