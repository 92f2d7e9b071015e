"""A home of a version before columns were added is read, and written by its assets."""

import shutil
from dataclasses import replace
from datetime import datetime, time

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    DIRECTION_MODEL,
    MODEL_FOLDS,
    PAPER_ORDERS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
)
from options_platform.defs.trading.orders import open_ledger
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform_tests.platform import run

ADDED = {
    TRADE_PLAN: (
        "needs",
        "call_rank",
        "earlier_calls",
        "iv_symbol",
        "iv_basis",
        "vol_error",
        "votes",
        "vol_scale",
    ),
    DIRECTION_MODEL: ("variant",),
    FEATURES_TABLE: (
        "har_rv_21",
        "har_rv_rank",
        "vrp",
        "vrp_percentile",
        "vix_to_mean_10",
        "vix_to_vix3m",
        "vix9d_to_vix",
    ),
}


@pytest.fixture
def settings(simulated_home, tmp_path):
    """The settings of a home whose tables lack the columns that later versions added."""
    home = tmp_path / "home"
    shutil.copytree(simulated_home.home, home)
    former = replace(simulated_home, home=home)
    Warehouse(former.warehouse_path, wait_seconds=30.0).execute(
        [
            f'ALTER TABLE {table.name} DROP COLUMN "{name}"'
            for table, names in ADDED.items()
            for name in names
        ]
    )
    return former


@pytest.mark.long
def test_the_next_partition_adds_the_columns_and_no_stored_row_changes(simulated_home, settings):
    whole = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    former = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    plans, calls = whole.read(TRADE_PLAN), whole.read(DIRECTION_MODEL)
    assert former.read(DIRECTION_MODEL).equals(calls.with_columns(variant=pl.lit(None, pl.String)))
    unknown = [pl.lit(None, TRADE_PLAN.schema[name]).alias(name) for name in ADDED[TRADE_PLAN]]
    assert former.read(TRADE_PLAN).equals(plans.with_columns(unknown))
    day = plans["date"].max()
    run(settings, day, day, assets=["trade_plan"])
    newest = pl.col("date") == day
    stored = former.read(TRADE_PLAN)
    assert stored.filter(newest).equals(plans.filter(newest))
    assert stored.filter(~newest).equals(plans.filter(~newest).with_columns(unknown))
    run(settings, plans["date"].min(), day, assets=["trade_plan"])
    assert former.read(TRADE_PLAN).equals(plans)


def test_the_next_run_computes_the_new_features_of_all_sessions_and_trains_nothing(
    simulated_home, settings
):
    whole = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    former = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    features, added = whole.read(FEATURES_TABLE), ADDED[FEATURES_TABLE]
    unknown = former.read(FEATURES_TABLE).select(added).null_count()
    assert unknown.row(0) == (features.height,) * len(added)
    folds = former.read(MODEL_FOLDS)
    day = features["date"].max()
    run(settings, day, day, assets=["features", "direction_model", "volatility_model"])
    assert former.read(FEATURES_TABLE).equals(features)
    assert features["vix_to_mean_10"].count() > 0
    assert former.read(MODEL_FOLDS).equals(folds)
    calls = pl.exclude("variant")
    assert (
        former.read(DIRECTION_MODEL).select(calls).equals(whole.read(DIRECTION_MODEL).select(calls))
    )


OF_SETS = (TRADE_PLAN, TRADE_PLAN_LEGS, PAPER_ORDERS)


@pytest.fixture
def before_sets(simulated_home, tmp_path):
    """The settings of a home that knows no rule sets, and its last session with a trade."""
    home = tmp_path / "home"
    shutil.copytree(simulated_home.home, home)
    former = replace(simulated_home, home=home)
    warehouse = Warehouse(former.warehouse_path, wait_seconds=30.0)
    warehouse.execute([f"ALTER TABLE {table.name} DROP COLUMN rule_set" for table in OF_SETS])
    trades = warehouse.read(TRADE_PLAN).filter(pl.col("decision") == "trade")
    return former, max(trades["date"])


def evening(day):
    return datetime.combine(shift(day, 1), time(0, 30), tzinfo=NEW_YORK)


def test_a_home_of_before_there_were_rule_sets_plans_and_trades_as_it_did(
    simulated_home, before_sets
):
    settings, day = before_sets
    whole = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    former = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    for table in OF_SETS:
        assert former.read(table).equals(whole.read(table)), table.name
        assert set(former.read(table)["rule_set"]) == {"plan"}
    chosen = ["trade_plan", "paper_orders"]
    run(settings, day, day, assets=chosen, backfill=False, now=evening(day))
    for table in (TRADE_PLAN, TRADE_PLAN_LEGS):
        assert former.read(table).equals(whole.read(table)), table.name
    sent = open_ledger(settings).orders()
    assert {order.status for order in sent} == {"submitted"}
    assert {order.rule_set for order in sent} == {"plan"}
    orders = former.read(PAPER_ORDERS).filter(pl.col("date") == day)
    assert {sent_id for sent_id in orders["client_order_id"] if sent_id} == {
        order.client_order_id for order in sent
    }


@pytest.mark.long
def test_another_set_takes_over_a_former_home_and_what_was_sent_stays(before_sets):
    settings, day = before_sets
    chosen = ["trade_plan", "paper_orders"]
    run(settings, day, day, assets=chosen, backfill=False, now=evening(day))
    (settings.home / "rule_sets").mkdir()
    (settings.home / "rule_sets" / "mine.toml").write_text('version = 1\ntitle = "Mine"\n')
    plan = replace(settings.plan, rule_set="mine")
    run(replace(settings, rule_set="mine", plan=plan), day, day, assets=chosen, backfill=False,
        now=evening(day))  # fmt: skip
    former = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    plans, orders = (
        former.read(t).filter(pl.col("date") == day) for t in (TRADE_PLAN, PAPER_ORDERS)
    )
    # The session's plans are the chosen set's; orders are shown for whom they were sent.
    assert set(plans["rule_set"]) == {"mine"}
    shown = orders.filter(pl.col("status") != "no_trade").select("rule_set", "status", "reason")
    assert set(shown.rows()) == {
        ("plan", "submitted", None),
        ("mine", "not_sent", "OTHER_RULE_SET"),
    }
    earlier = former.read(TRADE_PLAN).filter(pl.col("date") < day)
    assert set(earlier["rule_set"]) == {"plan"}
