"""The page on earnings: past moves beside what options priced, and doubts as they are stored."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_EVENTS, RAW_OHLCV
from options_platform.reporting.dashboard.pages import Frame, render, view_of
from options_platform.testing.market import random_market
from options_platform_tests.platform import make_platform_settings

DOUBT = "<b>no</b> volume & no move"
MOVES = {"AAPL": (0.05, -0.02), "NVDA": (-0.11,)}


def event(ticker, number, move):
    day = date(2016, 2, 2) + timedelta(days=91 * number)
    return dict.fromkeys(EARNINGS_EVENTS.schema.names()) | {
        "date": day, "ticker": ticker, "report_date": day - timedelta(days=1), "timing": "amc",
        "anchor": day - timedelta(days=1), "timing_source": "iv", "source": "yahoo",
        "known_on": day + timedelta(days=1), "move": move, "implied_move": 0.04,
        "implied_source": "chain", "iv_crush": -0.3, "suspicious": DOUBT,
    }  # fmt: skip


@pytest.fixture
def view(tmp_path):
    settings = make_platform_settings(tmp_path / "home", tickers=(*MOVES,))
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    rows = [event(t, n, move) for t, moves in MOVES.items() for n, move in enumerate(moves)]
    warehouse.upsert(EARNINGS_EVENTS, pl.DataFrame(rows, schema=EARNINGS_EVENTS.schema))
    bars, _vix = random_market((*MOVES,), date(2016, 5, 2), date(2016, 5, 6))
    warehouse.upsert(RAW_OHLCV, bars)
    return view_of(settings, {}, datetime(2017, 4, 3, tzinfo=UTC))


def test_it_shows_each_report_beside_what_options_priced(view):
    text = render("earnings", view, Frame("state"))
    assert "Past reports by ticker" in text
    assert "Moves against what options priced" in text
    assert "11.0%" in text
    assert "-30.0%" in text
    assert DOUBT not in text
    assert "&lt;b&gt;no&lt;/b&gt; volume &amp; no move" in text


def test_without_the_token_of_forms_the_account_only_shows(view):
    assert "This dashboard only shows" in render("account", view, Frame("state"))
    assert "<form" not in render("account", view, Frame("state"))
