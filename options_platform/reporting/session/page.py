"""The page of what happened to a ticker in a session, made when it is asked for."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from options_platform.adapters.sources import open_source, source_options
from options_platform.contracts import (
    DIRECTION_MODEL,
    LABELS,
    PAPER_ORDERS,
    RAW_OHLCV,
    REGIME,
    TRADE_PLAN,
    VIX,
    VOLATILITY_MODEL,
)
from options_platform.domain.calendar.sessions import is_session, shift
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.reporting.report import environment
from options_platform.reporting.session.facts import READ, facts_of, read_rows
from options_platform.services.trading.home_copy import home_copy
from options_platform.settings import Settings

TITLES = {
    TRADE_PLAN.name: "Decision",
    PAPER_ORDERS.name: "Order",
    DIRECTION_MODEL.name: "Predicted direction",
    VOLATILITY_MODEL.name: "Predicted volatility",
    REGIME.name: "Regime",
    FEATURES_TABLE.name: "Features",
    LABELS.name: "What came of it",
    RAW_OHLCV.name: "Bar",
    VIX.name: "Volatility index",
}
"""The sections, the decision first."""


def session_page(settings: Settings, day: date, ticker: str) -> str | None:
    """The page as HTML, also where nothing is stored; None for no session or no ticker of ours.

    It shows the published copy, and says so if the warehouse is ahead of it.
    """
    if ticker not in settings.tickers or not is_session(day):
        return None
    stored, behind = {}, None
    if settings.warehouse_path.exists():
        copy = home_copy(settings)
        stored, behind = read_rows(copy.warehouse, list(READ), day, day, [ticker]), copy.behind
    rows = stored.get((day, ticker), {})
    # The plan stands above its order already.
    without_plans = {name: of_table for name, of_table in rows.items() if name != TRADE_PLAN.name}
    sections = [
        {"asset": asset, "title": title, "facts": facts}
        for asset, title in TITLES.items()
        if (facts := facts_of(asset, rows if asset == TRADE_PLAN.name else without_plans))
    ]
    before, after = shift(day, -1), shift(day, 1)
    content = {
        "ticker": ticker,
        "quoted": quote(ticker, safe=""),
        "day": day,
        "behind": behind,
        "source": open_source(settings.source, source_options(settings)).info,
        "before": before if before >= settings.start else None,
        "after": after if settings.end is None or after <= settings.end else None,
        "others": [
            {"ticker": other, "quoted": quote(other, safe="")}
            for other in settings.tickers
            if other != ticker
        ],
        "sections": sections,
    }
    return str(environment().get_template("session/session.html.j2").render(**content))
