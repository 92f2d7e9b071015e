"""The demo of stocks in a fresh home: what it prints is what its tables and its ledger hold."""

import os
import re
import subprocess
import sys
from datetime import date

import pytest

from options_platform.adapters.storage.ledger import replay_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.demo_season import trade_lines
from options_platform.commands.demo_stocks import FIRST, LAST
from options_platform.contracts import EARNINGS_KNOWN, IV_HISTORY, TRADE_PLAN
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.settings import load_settings

TRADE = {
    "ticker": "TXN", "contracts": 2, "strategy": "earnings_long_straddle",
    "legs": "buy 310 put, buy 310 call", "expiry": date(2024, 7, 26),
    "opened_on": date(2024, 7, 19), "entry_price": 14.2, "closed_on": date(2024, 7, 22),
    "exit_price": 15.0, "exit_reason": "REPORT_OUT", "pnl_usd": 156.1,
    "report_date": date(2024, 7, 19), "move": -0.031, "implied_move": 0.052,
    "expected_move": 0.066, "iv_pre": 0.4, "iv_post": 0.3,
}  # fmt: skip


def test_a_trade_of_a_report_is_told_from_entry_to_exit_with_its_crush():
    assert trade_lines(TRADE) == [
        "  TXN: 2 x earnings long straddle: buy 310 put, buy 310 call, expiring 2024-07-26",
        (
            "    Entered 2024-07-19 for debit 14.20 a share, left 2024-07-22 for credit 15.00 "
            "(REPORT_OUT): +156.10 USD."
        ),
        "    The report of 2024-07-19 moved it -3.1%; options had priced 5.2%, 6.6% was forecast.",
        (
            "    The crush: its 30-day volatility was 40.0% at the last close before and 30.0% "
            "after, -25%."
        ),
    ]
    open_one = TRADE | {"closed_on": None, "exit_price": None, "move": None, "iv_post": None}
    assert trade_lines(open_one)[1:] == [
        "    Entered 2024-07-19 for debit 14.20 a share, still open: +156.10 USD."
    ]


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    ran = run(tmp_path)
    assert ran.returncode == 2
    assert f"{tmp_path} holds something else than the demo of stocks" in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def run(home):
    environment = {**os.environ, "OPTIONS_HOME": str(home), "OPTIONS_TICKERS": "IWM"}
    return subprocess.run(
        [sys.executable, "-m", "options_platform", "demo", "--stocks"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """What the demo printed, its warehouse and its settings."""
    home = tmp_path_factory.mktemp("stocks") / "home"
    ran = run(home)
    assert ran.returncode == 0, ran.stderr[-2000:]
    settings = load_settings(home, {})
    return ran.stdout, Warehouse(settings.warehouse_path), settings


def part(shown, title):
    return shown.split(title)[1].split("\n\n")[0]


@pytest.mark.long
def test_the_calendar_shows_dates_that_moved_and_were_withdrawn(season):
    shown, warehouse, settings = season
    calendar = part(shown, "The calendar as it was known")
    assert re.findall(r"^([A-Z]+) +2024-", calendar, re.MULTILINE).__len__() == 7
    known = warehouse.read(EARNINGS_KNOWN, tickers=settings.tickers)
    moves = re.findall(r"^([A-Z]+) .*moved to (\S+) on ([\d-]+)", calendar, re.MULTILINE)
    assert len(moves) >= 2
    for ticker, day, on in moves:
        rows = known.filter(ticker=ticker, date=date.fromisoformat(day), status="confirmed")
        assert [f"{moment:%Y-%m-%d}" for moment in rows["known_from"]] == [on]
    assert "withdrawn on 2024-" in calendar


@pytest.mark.long
def test_the_blackout_refused_the_plans_that_the_table_says(season):
    shown, warehouse, _ = season
    plans = warehouse.read(TRADE_PLAN, start=FIRST, end=LAST)
    refused = plans.filter(plans["reasons"].list.contains("EARNINGS_BLACKOUT"))
    counts = dict(refused["ticker"].value_counts().iter_rows())
    rows = re.findall(
        r"^([A-Z]+) +(\d+) +2024-\S+ +2024-\S+ +2024-\S+ +\w+", part(shown, "blackout refused"),
        re.MULTILINE,
    )  # fmt: skip
    assert {ticker: int(number) for ticker, number in rows} == counts
    assert counts
    assert "SPY" not in counts


@pytest.mark.long
def test_a_report_was_traded_on_paper_and_its_volatility_collapsed(season):
    shown, warehouse, settings = season
    told = re.sub(r"\s+", " ", part(shown, "Trades of a report itself, on paper"))
    trades = [p for p in replay_ledger(settings).positions() if p.strategy in EARNINGS_STRATEGIES]
    assert trades
    for trade in trades:
        assert f" {trade.ticker}: {trade.contracts} x " in told
        assert f"Entered {trade.opened_on} for " in told
        assert trade.closed_on > trade.opened_on
    history = warehouse.read(IV_HISTORY, tickers=[trades[0].ticker]).drop_nulls("iv_30d")
    crushes = re.findall(r"volatility was ([\d.]+)% .*? and ([\d.]+)% after, (-\d+)%", told)
    assert len(crushes) == len(trades)
    levels = {f"{100 * value:.1f}" for value in history["iv_30d"]}
    assert set(crushes[0][:2]) <= levels
    assert all(-40 <= int(fall) <= -8 for *_, fall in crushes)
