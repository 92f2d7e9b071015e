"""Today: how the account is, what was decided, what will be sent, what is wrong and what comes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl

from options_platform.contracts import (
    MODEL_PREDICTIONS,
    PAPER_ORDERS,
    RAW_OHLCV,
    TRADE_PLAN,
    VIX,
    Table,
)
from options_platform.domain.calendar.sessions import from_midnight, sessions, shift
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import exact, price, text, whole
from options_platform.reporting.earnings.section import report_calendar
from options_platform.services.installation.health import health_findings
from options_platform.services.market_data.inventory import open_entries
from options_platform.services.trading.morning_brief import (
    account_brief,
    blackouts_in_words,
    decisions_in_words,
    next_step,
    problems_of,
    without_prediction,
)
from options_platform.services.trading.summary import open_plans

AHEAD = timedelta(days=45)


def today(view: View) -> dict[str, Any]:
    """The content of the page."""
    settings, warehouse, newest = view.settings, view.warehouse, view.newest
    held = [each for each in view.positions if each.closed_on is None]
    columns = ["date", "ticker", "decision", "reasons"]
    plans = warehouse.read(TRADE_PLAN, columns=columns, tickers=settings.tickers)
    planned: date | None = plans["date"].max()  # type: ignore[assignment]
    problems = problems_of(
        view.trading, view.ledger, view.now, warehouse=warehouse, newest=newest, planned=planned,
        entries=open_entries(warehouse),
    )  # fmt: skip
    if missing := without_prediction(warehouse, plans.filter(pl.col("date") == planned).to_dicts()):
        problems.append(missing)
    goes_on = settings.end is None or settings.end > newest
    return {
        "brief": account_brief(view.trading, view.ledger, held),
        "halted": view.ledger.halted() if view.ledger.exists else None,
        "planned": planned,
        "decisions": [] if planned is None else decisions_in_words(settings, warehouse, planned),
        "blackouts": blackouts_in_words(settings, warehouse, newest, view.now),
        "working": _working(view),
        "problems": problems,
        "next": next_step(problems, newest, goes_on=goes_on),
        "next_run": from_midnight(shift(newest, 1)) if goes_on else None,
        "health": [*health_findings(settings, view.now)],
        "freshness": _freshness(view),
        "events": _events(view),
    }


def _working(view: View) -> dict[str, Any]:
    orders = view.ledger.working_orders() if view.ledger.exists else []
    rows = [vars(order) for order in orders]
    return grid(
        "Orders at work",
        rows,
        {
            "ticker": ("Ticker", exact), "purpose": ("For", text), "strategy": ("Strategy", text),
            "contracts": ("Spreads", whole), "limit_price": ("Limit a share", price),
            "status": ("State", text), "reason": ("Why", exact), "session": ("Decided", exact),
        },
        "No order is at work. The next daily run sends what it decides.",
    )  # fmt: skip


def _freshness(view: View) -> dict[str, Any]:
    rows = []
    read: tuple[Table, ...] = (
        RAW_OHLCV,
        VIX,
        FEATURES_TABLE,
        MODEL_PREDICTIONS,
        TRADE_PLAN,
        PAPER_ORDERS,
    )
    for table in read:
        keys = view.warehouse.read(table, columns=["date", "ticker"], tickers=view.settings.tickers)
        last: date | None = keys["date"].max()  # type: ignore[assignment]
        behind = None
        if last is not None:
            behind = len(sessions(shift(last, 1), view.newest)) if last < view.newest else 0
        rows.append({"table": table.name, "last": last, "behind": behind})
    return grid(
        f"The newest session is {view.newest}",
        rows,
        {
            "table": ("Table", exact), "last": ("Up to", exact),
            "behind": ("Sessions behind", whole),
        },
    )  # fmt: skip


def _events(view: View) -> dict[str, Any]:
    """Expiries, exits by the calendar and reports of the next 45 days, by date."""
    rows: list[dict[str, Any]] = []
    for plan in open_plans(view.trading, view.ledger, view.market, view.reports):
        what = f"{plan.position.ticker} {plan.position.strategy}"
        rows.append({"day": plan.position.expiry, "what": f"Expiry of {what}"})
        if plan.time_on is not None:
            rows.append({"day": plan.time_on, "what": f"Time is up for {what}"})
    for report in report_calendar(view.settings, view.warehouse, view.newest):
        if report["report_date"] - view.newest <= AHEAD:
            what = f"{report['ticker']} reports, {report['timing']} ({report['status']})"
            rows.append({"day": report["report_date"], "what": what})
    return grid(
        "Calendar",
        sorted(rows, key=lambda row: (row["day"], row["what"])),
        {"day": ("Date", exact), "what": ("Event", text)},
        "No position expires and no report is due in the next 45 days.",
    )
