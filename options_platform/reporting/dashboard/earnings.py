"""Earnings: the next reports, what options price against past moves, and the fall of volatility."""

from __future__ import annotations

from typing import Any

from options_platform.contracts import EARNINGS_EVENTS
from options_platform.reporting.charts.research import implied_against_moves, moves_by_report
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import exact, ratio, share, text, whole
from options_platform.reporting.earnings.section import moves_by_ticker, report_calendar


def earnings(view: View) -> dict[str, Any]:
    """The content of the page; `by_ticker` is None without a past report."""
    events = view.warehouse.read(EARNINGS_EVENTS, tickers=view.settings.tickers)
    calendar = grid(
        f"The next reports, as known at {view.newest}",
        report_calendar(view.settings, view.warehouse, view.newest),
        {"ticker": ("Ticker", exact), "report_date": ("Report", exact), "timing": ("When", text),
         "status": ("Date is", text), "sessions_left": ("Sessions left", whole),
         "expected_move": ("Expected move", share), "q90": ("90% quantile", share),
         "implied_move": ("Options price", share), "expected_crush": ("Expected crush", share)},
        "No report is known.",
    )  # fmt: skip
    if events.is_empty():
        return {"calendar": calendar, "by_ticker": None}
    priced = events.drop_nulls(["implied_move", "move"])
    newest = events.sort("date", "ticker", descending=[True, False]).head(40)
    return {
        "calendar": calendar,
        "by_ticker": grid(
            "Past reports by ticker",
            moves_by_ticker(events),
            {"ticker": ("Ticker", exact), "reports": ("Reports", whole),
             "mean": ("Mean move", share), "last": ("Last 8", share), "largest": ("Largest", share),
             "up": ("Up", share), "implied": ("Options priced", share),
             "paid": ("Moved of priced", ratio), "crush": ("Mean crush", share)},
        ),
        "moves": moves_by_report(events),
        "implied": implied_against_moves(priced) if priced.height else None,
        "events": grid(
            "The newest reports",
            newest.to_dicts(),
            {"ticker": ("Ticker", exact), "report_date": ("Report", exact),
             "timing": ("When", text), "move": ("Move", share), "implied_move": ("Priced", share),
             "move_ratio": ("Moved of priced", ratio), "iv_pre": ("Volatility before", share),
             "iv_post": ("after", share), "iv_crush": ("Crush", share),
             "suspicious": ("Doubt", exact)},
        ),
    }  # fmt: skip
