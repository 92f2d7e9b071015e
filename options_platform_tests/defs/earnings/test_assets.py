"""The assets of earnings moves: where they are, what they read, and how a backfill runs them."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS_EVENTS, EARNINGS_FORECAST, MODEL_FOLDS
from options_platform.definitions import build_defs
from options_platform.defs.jobs import JOB_NAME
from options_platform.defs.shared.asset_options import MODEL_POLICY
from options_platform.domain.checks.tables import rules_for
from options_platform.errors import UsageError
from options_platform.runs import run_job
from options_platform.settings import make_settings
from options_platform_tests.platform import warehouse_held

NAMES = {"earnings_events", "earnings_forecast"}
START, END = date(2016, 1, 4), date(2018, 6, 29)


def settings_of(folder, *tickers):
    return make_settings(
        {"home": folder / "home", "source": "simulated", "tickers": tickers, "start": START,
         "end": END}
    )  # fmt: skip


def job_assets(settings):
    keys = build_defs(settings).resolve_job_def(JOB_NAME).asset_layer.executable_asset_keys
    return {key.to_user_string() for key in keys}


def test_a_home_with_a_company_has_both_assets_and_one_of_funds_has_neither(tmp_path):
    definitions = build_defs(settings_of(tmp_path, "SPY", "AAPL"))
    graph = definitions.resolve_asset_graph()
    for table in (EARNINGS_EVENTS, EARNINGS_FORECAST):
        node = graph.get(dg.AssetKey(table.name))
        assert node.backfill_policy == MODEL_POLICY
        assert {key.to_user_string() for key in node.parent_keys} >= {"raw_ohlcv", "earnings"}
        checks = {key.name for key in graph.asset_check_keys if key.asset_key == node.key}
        assert checks == {rule.name for rule in rules_for(table)}
    funds = settings_of(tmp_path, "SPY", "QQQ", "IWM")
    assert not job_assets(funds) & NAMES
    with pytest.raises(UsageError, match="SPY, QQQ, IWM are funds, which report no earnings"):
        run_job(funds, PartitionRange(START, END, funds.tickers), assets=["earnings_events"])


@pytest.mark.long
def test_a_backfill_fills_both_and_a_day_again_changes_nothing(tmp_path):
    settings = settings_of(Path(tmp_path), "SPY", "AAPL")
    prepare_home(settings)
    whole = PartitionRange(START, END, settings.tickers)
    names = sorted(NAMES)
    with warehouse_held(settings):
        run_job(settings, whole, assets=["raw_ohlcv", "vix", "earnings"], backfill=True)
        run_job(settings, whole, assets=names, backfill=True)
    warehouse = Warehouse(settings.warehouse_path)
    events, forecasts = (warehouse.read(t) for t in (EARNINGS_EVENTS, EARNINGS_FORECAST))
    assert events["ticker"].unique().to_list() == ["AAPL"]
    assert events.height >= 8
    assert forecasts.filter(days_to_earnings=0).height >= 8
    # Ten reports of one company are too few to fit a regression on.
    assert warehouse.read(MODEL_FOLDS).is_empty()
    day = events["date"].max()
    run_job(settings, PartitionRange(day, day, settings.tickers), assets=names)
    assert warehouse.read(EARNINGS_EVENTS).equals(events)
    assert warehouse.read(EARNINGS_FORECAST).equals(forecasts)
