"""A home of a version before nullable columns were added is read, and written by its assets."""

import shutil
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import DIRECTION_MODEL, MODEL_FOLDS, TRADE_PLAN
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
