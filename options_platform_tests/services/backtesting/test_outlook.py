"""What to expect of the configured rules, by a home's predictions and its closed paper trades."""

import math
import re
import shutil
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.backtest import run_backtest
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.statistics.trade_pace import PastStarts, TimeTo, TradePace
from options_platform.errors import IncompleteDataError
from options_platform.services.backtesting.outlook import (
    Outlook,
    make_outlook,
    outlook_fields,
    outlook_or_problem,
    pace_text,
    until_text,
)
from options_platform.services.backtesting.outlook_findings import outlook_findings
from options_platform.services.backtesting.run import load_backtest
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.services.planning.strategy_needs import strategy_needs
from options_platform_tests.platform import make_platform_settings


def ledger(closed):
    """A ledger with so many closed positions and one open one."""
    days = [date(2024, 1, 2)] * closed + [None]
    positions = [SimpleNamespace(closed_on=day) for day in days]
    return SimpleNamespace(exists=True, positions=lambda: positions)


@pytest.fixture
def settings(simulated_home, tmp_path):
    copy = replace(simulated_home, home=tmp_path / "home")
    copy.home.mkdir()
    shutil.copy(simulated_home.warehouse_path, copy.warehouse_path)
    return copy


@pytest.fixture
def warehouse(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=10.0)


def test_the_pace_counts_the_trades_of_the_configured_rules(settings, warehouse):
    outlook = make_outlook(settings, warehouse, ledger(0))
    data = load_backtest(warehouse, settings.tickers)
    trades = run_backtest(
        *build_plans(data.inputs, settings.plan), data.market, settings.backtest_rules
    ).trades
    assert outlook.pace.entries == trades.height > 5
    assert outlook.pace.sessions == len(data.market.sessions)
    assert sum(outlook.by_ticker.values()) == pytest.approx(outlook.pace.a_year)
    assert (outlook.first, outlook.last) == (data.first, data.last)
    assert outlook.until.years > 30 / outlook.pace.a_year
    assert outlook.until.earliest < outlook.until.years < outlook.until.latest
    # A home of two years has no span of three years behind any session.
    assert outlook.share_of_starts[3] is None


def test_rules_that_never_trade_may_never_reach_thirty(settings, warehouse):
    poor = replace(settings.plan.sizing, account_value_usd=50.0)
    idle = replace(settings, plan=replace(settings.plan, sizing=poor))
    outlook = make_outlook(idle, warehouse, ledger(0))
    assert outlook.pace.entries == 0
    assert "it may never come" in until_text(outlook)
    assert "From none of " in until_text(outlook)
    assert outlook_fields(outlook)["starts"]["median"] is None
    assert outlook_fields(outlook)["years_until"] is None
    assert outlook_fields(outlook)["years_until_earliest"] > 0
    assert set(outlook.cells["state"]) <= {"always refused", "never called", "never occurs"}
    assert len(outlook.idle_cells) == outlook.cells.height == 14


def test_closed_paper_trades_count_and_open_ones_do_not(settings, warehouse):
    outlooks = [make_outlook(settings, warehouse, ledger(closed)) for closed in (0, 20, 30)]
    assert [outlook.closed for outlook in outlooks] == [0, 20, 30]
    assert outlooks[0].until.years > outlooks[1].until.years > outlooks[2].until.years == 0.0
    assert until_text(outlooks[2]) == "30 closed paper trades are needed, and 30 have closed."


SHOWN = Outlook(
    account_value_usd=100_000.0,
    first=date(2002, 2, 1),
    last=date(2024, 12, 31),
    pace=TradePace(940, 5775, 41.0, 29.0, 55.0, 12.0, 70.0),
    recent=TradePace(190, 1260, 38.0, 25.0, 52.0, 20.0, 60.0),
    by_ticker={"SPY": 20.4, "QQQ": 20.6},
    closed=0,
    until=TimeTo(0.75, 0.58, 1.08),
    starts=PastStarts(5775, 84, 0.3, 0.7, 2.6, 0.6),
    share_of_starts={1: 0.8, 2: 0.9, 3: 1.0},
    cells=pl.DataFrame({"state": []}, schema={"state": pl.String}),
)


def test_the_sentences_say_pace_interval_range_and_time():
    assert pace_text(SHOWN) == (
        "SPY, QQQ with 100,000 USD: about 41 trades a year (95%: 29 to 55; one year in five "
        "outside 12 to 70), by a backtest of 2002-02-01 to 2024-12-31, 38 a year in the last "
        "5.0 years. By ticker: SPY 20, QQQ 21. More tickers are the way to more trades; a lower "
        "bar is not."
    )
    assert until_text(SHOWN) == (
        "30 closed paper trades are needed, 0 have closed. At the mean pace the rest takes about 9 "
        "months (95% interval of the mean: 7 months to 13 months). From 5,775 past sessions on: "
        "median 8 months, 10% to 90% of the starts 4 months to 2.6 years; 60% of them had so many "
        "opened within a year; 84 did not get there before the backtest ended."
    )
    rare = replace(
        SHOWN,
        until=TimeTo(11.0, 4.5, math.inf),
        starts=replace(SHOWN.starts, low=4.0, high=math.inf),
    )
    assert "about 11.0 years" in until_text(rare)
    assert "(95% interval of the mean: 4.5 years to never)" in until_text(rare)
    assert "4.0 years to longer than the backtest tells" in until_text(rare)


def test_no_day_is_named_so_that_none_of_them_is_past(settings, warehouse):
    outlook = make_outlook(settings, warehouse, ledger(0))
    assert re.search(r"\d{4}-\d{2}-\d{2}", until_text(outlook)) is None
    assert "reached_on" not in outlook_fields(outlook)


def test_a_home_without_predictions_says_what_to_run(tmp_path):
    settings = make_platform_settings(tmp_path / "home")
    empty = Warehouse(tmp_path / "warehouse.duckdb")
    with pytest.raises(IncompleteDataError, match="options-platform backfill"):
        make_outlook(settings, empty, ledger(0))
    problem = outlook_or_problem(settings, empty, ledger(0))
    assert "not known yet" in problem
    assert "options-platform backfill" in problem
    (finding,) = outlook_findings(settings, [])
    assert (finding.state, "options-platform backfill" in finding.detail) == ("note", True)


def test_doctor_shows_the_pace_and_one_note_for_each_cell_that_did_not_trade(settings, warehouse):
    findings = outlook_findings(settings, [])
    assert {finding.state for finding in findings} == {"note"}
    outlook = make_outlook(settings, warehouse, SimpleNamespace(exists=False))
    shown = [finding.detail for finding in findings if finding.what == "matrix"]
    idle = outlook.cells.filter(pl.col("state") != "traded")
    assert len(shown) == idle.height > 0
    assert shown[0].startswith(outlook.idle_cells[0])
    assert findings[0].detail == pace_text(outlook)


def test_doctor_names_the_smallest_account_of_each_strategy_that_does_not_fit(settings):
    poor = replace(settings.plan.sizing, account_value_usd=2_000.0)
    small = replace(settings, plan=replace(settings.plan, sizing=poor))
    shown = [finding.detail for finding in outlook_findings(small, []) if finding.what == "account"]
    needs = strategy_needs(small, Warehouse(small.warehouse_path), 252).needs
    assert len(shown) == needs.height > 1
    cheapest = needs.row(0, named=True)
    assert f"has {cheapest['account_needed_usd']:,.0f} USD" in shown[0]
    rich = [finding.what for finding in outlook_findings(settings, [])]
    assert "account" not in rich


@pytest.mark.parametrize("what", ["warehouse.duckdb", "ledger.duckdb"])
def test_doctor_reads_nothing_from_a_damaged_database(settings, what):
    (settings.home / what).write_bytes(b"damaged")
    (finding,) = outlook_findings(settings, [Diagnosis(what, Diagnosis.BROKEN, "it is damaged")])
    assert finding.detail == "not computed, since a database is damaged"


def test_doctor_survives_damage_that_no_other_check_has_seen(settings):
    settings.warehouse_path.write_bytes(b"damaged")
    (finding,) = outlook_findings(settings, [])
    assert "not computed: " in finding.detail
