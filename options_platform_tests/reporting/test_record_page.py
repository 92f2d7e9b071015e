import shutil
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger, replay_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN, TRADE_PLAN_LEGS, VIX
from options_platform.reporting.record_page import paper_section
from options_platform.reporting.report import render
from options_platform.services.accounting.trading_record import paper_record
from options_platform.testing.market import NOW
from options_platform_tests.paper_run import paper_run
from options_platform_tests.reporting.test_report import Page


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A home after two months of paper trading, with its market data."""
    run = paper_run(tmp_path_factory.mktemp("traded"))
    warehouse = Warehouse(run.settings.warehouse_path, wait_seconds=10.0)
    warehouse.write([(RAW_OHLCV, run.bars), (VIX, run.vix.select(VIX.schema.names()))])
    warehouse.write([(TRADE_PLAN, run.plans), (TRADE_PLAN_LEGS, run.legs)])
    return run.settings, warehouse


def test_the_page_shows_targets_positions_trades_and_drift(traded):
    settings, warehouse = traded
    page = Page(render(settings, warehouse, now=NOW))
    assert {"id": "record"} in page.all("h2")
    found = paper_record(settings, warehouse, open_ledger(settings))
    ended, open_now = found.closed, found.journal.filter(pl.col("closed_on").is_null())
    assert ended.height > 5
    assert open_now.height > 0
    assert "too few trades" in page.text
    assert "Drift from the backtest" in page.text
    for reason in ended["exit_reason"].unique():
        assert reason in page.text
    pictures = [attributes.get("alt", "") for attributes in page.all("img")]
    assert "Equity of the paper account" in pictures
    assert "Drawdown of the paper account" in pictures


def test_marks_made_with_tenors_that_are_no_longer_stored_show_as_drift(traded):
    """The home has no tenors of the VIX, with which the account was marked and filled."""
    settings, warehouse = traded
    section = paper_section(settings, warehouse, open_ledger(settings))
    assert {row["state"] for row in section["states"]} >= {"differs"}
    assert section["drift"]
    assert section["against_model_usd"] != 0


def test_a_home_that_never_traded_says_so(traded, tmp_path):
    settings, warehouse = traded
    fresh = replace(settings, home=tmp_path)
    assert paper_section(fresh, warehouse, open_ledger(fresh)) is None
    assert paper_section(settings, warehouse, replay_ledger(fresh)) is None


def test_a_warehouse_without_its_bars_is_reported_and_not_fatal(traded, tmp_path):
    settings, _ = traded
    fresh = replace(settings, home=tmp_path)
    shutil.copy(settings.ledger_path, fresh.ledger_path)
    empty = Warehouse(fresh.warehouse_path, wait_seconds=10.0)
    section = paper_section(fresh, empty, open_ledger(fresh))
    assert "options-platform backfill" in section["problem"]
