"""Runs from the shell: which runs a selection needs, and what a failed one says."""

from datetime import date

import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.errors import UsageError
from options_platform.runs import DATA_ASSETS, RunFailedError, asset_names
from options_platform.serving.instance import DEFINITIONS, open_instance
from options_platform_tests.platform import make_platform_settings, run

NINE = [table.name for table in ASSET_TABLES]
SPAN = {"start": date(2015, 1, 2), "end": date(2015, 2, 27), "tickers": ("SPY", "QQQ", "IWM")}


def test_assets_come_in_the_graphs_order_and_an_unknown_one_is_named():
    assert asset_names(NINE, ["features", "raw_ohlcv"]) == ["raw_ohlcv", "features"]
    with pytest.raises(UsageError, match="no asset 'raw_ohlc'; assets are raw_ohlcv, vix"):
        asset_names(NINE, ["vix", "raw_ohlc"])


@pytest.mark.long
def test_neighbours_share_a_run_and_others_need_one_each_in_two_phases(tmp_path):
    settings = make_platform_settings(tmp_path / "home", **SPAN)
    outcomes = run(settings, tickers=("SPY", "IWM"), assets=[*DATA_ASSETS, "regime"])
    groups = [outcome.range.tickers for outcome in outcomes]
    assert groups == [("SPY",), ("IWM",), ("SPY",), ("IWM",)]
    assert len({outcome.run_id for outcome in outcomes}) == 4
    assert all(outcome.warnings == () for outcome in outcomes)
    together = run(settings, tickers=("SPY", "QQQ"), assets=DATA_ASSETS)
    assert [outcome.range.tickers for outcome in together] == [("SPY", "QQQ")]


def test_a_failed_step_says_its_own_error_in_one_line(tmp_path):
    settings = make_platform_settings(tmp_path / "home", **SPAN)
    with pytest.raises(RunFailedError) as said:
        run(settings, assets=["features"])
    shown = str(said.value)
    assert shown.startswith("features: raw_ohlcv has no rows for 1 session(s) of SPY")
    assert "run: options-platform backfill" in shown
    assert "\n" not in shown
    with open_instance(settings.dagster_home) as instance:
        (failed,) = instance.get_runs()
    # The timeline of the web UI leaves out runs without a code location.
    assert (failed.job_name, failed.remote_job_origin.location_name) == ("daily", DEFINITIONS)


def test_models_of_an_incomplete_pool_fail_by_the_name_of_what_is_missing(tmp_path):
    settings = make_platform_settings(tmp_path / "home", **SPAN)
    run(settings, tickers=("SPY", "QQQ"), assets=DATA_ASSETS)
    with pytest.raises(RunFailedError, match="features of IWM end before they begin"):
        run(settings, tickers=("SPY",), assets=["direction_model"])
