"""An earnings season in short: its calendar, what the blackout refused, and trades of reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    EARNINGS_EVENTS,
    EARNINGS_FORECAST,
    EARNINGS_KNOWN,
    IV_HISTORY,
    TRADE_PLAN,
)
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.blackout import EARNINGS_BLACKOUT
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.record import REPORTED
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.planning.decision_words import legs_words
from options_platform.domain.trading.positions import Position
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.settings import Settings

CALENDAR_AHEAD = 15
"""Sessions before the first one of a season at whose close its calendar is read."""


@dataclass(frozen=True)
class Season:
    """An earnings season of the tickers of a home.

    `calendar` has a row for each report that a close three weeks before knew to lie ahead: ticker,
    date and status as known then, and `changes`, the later dates and statuses in order, each with
    its day. `refused` has by ticker how many plans the blackout refused, first and last, and the
    newest in words. `trades` has a row for each position in a report that the account took: what it
    was, what the report did and what volatility lost; `undone` counts the reasons of reports that
    were not traded.
    """

    calendar: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    undone: dict[str, int]


def chain_sessions(
    settings: Settings, warehouse: Warehouse, days: Sequence[date]
) -> list[tuple[str, date, date]]:
    """By report that reacts within `days`: the ticker, the session whose plan may trade it, and the
    reaction."""
    ahead = settings.earnings_trades.planned_ahead
    known = _known(settings, warehouse)
    return [
        (ticker, max(shift(report.anchor, -ahead), days[0]), report.reaction)
        for ticker, dates in known.items()
        for report in dates.on(days[-1])
        if report.status == REPORTED and days[0] < report.reaction <= days[-1]
    ]


def season_of(
    settings: Settings, warehouse: Warehouse, ledger: Ledger, days: Sequence[date]
) -> Season:
    """The season of the sessions `days`, of which `ledger` has traded the plans."""
    record = warehouse.read(EARNINGS_KNOWN, tickers=settings.tickers)
    plans = warehouse.read(TRADE_PLAN, start=days[0], end=days[-1], tickers=settings.tickers)
    positions = [p for p in ledger.positions() if p.strategy in EARNINGS_STRATEGIES]
    return Season(
        _calendar(_known(settings, warehouse), record, days),
        _refused(settings, warehouse, plans),
        [_trade(position, warehouse) for position in positions],
        _undone(plans),
    )


def _known(settings: Settings, warehouse: Warehouse) -> dict[str, KnownDates]:
    record = warehouse.read(EARNINGS_KNOWN, tickers=settings.tickers)
    stocks = set(record["ticker"])
    return {
        name: KnownDates(name, record, settings.earnings)
        for name in settings.tickers
        if name in stocks
    }


def _calendar(
    known: dict[str, KnownDates], record: pl.DataFrame, days: Sequence[date]
) -> list[dict[str, Any]]:
    first, last = shift(days[0], -CALENDAR_AHEAD), days[-1]
    rows = []
    for ticker, dates in known.items():
        report = min(
            (r for r in dates.on(first) if r.anchor >= first), key=lambda r: r.day, default=None
        )
        if report is None:
            continue
        later = record.filter(
            (pl.col("ticker") == ticker)
            & (pl.col("date") - pl.lit(report.day)).dt.total_days().abs().lt(45)
            & pl.col("known_from").dt.date().is_between(first, last, closed="right")
        ).sort("known_from")
        changes = [
            {"on": row["known_from"].date(), "date": row["date"], "status": row["status"]}
            for row in later.iter_rows(named=True)
        ]
        rows.append(
            {"ticker": ticker, "date": report.day, "status": report.status, "changes": changes}
        )
    return sorted(rows, key=lambda row: (row["date"], row["ticker"]))


def _refused(settings: Settings, warehouse: Warehouse, plans: pl.DataFrame) -> list[dict[str, Any]]:
    reports = stored_reports(settings, warehouse)
    by_blackout = plans.filter(pl.col("reasons").list.contains(EARNINGS_BLACKOUT)).sort("date")
    rows = []
    for own in by_blackout.partition_by("ticker"):
        ticker, newest = own["ticker"][0], own.row(-1, named=True)
        ahead = reports.ahead(ticker, newest["date"])
        rows.append(
            {
                "ticker": ticker,
                "plans": own.height,
                "first": own["date"][0],
                "last": newest["date"],
                "report": ahead.day if ahead else None,
                "status": ahead.status if ahead else None,
                "needs": newest["needs"],
            }
        )
    return sorted(rows, key=lambda row: row["ticker"])


def _trade(position: Position, warehouse: Warehouse) -> dict[str, Any]:
    """A position in a report: its prices and result, the move, and volatility before and after."""
    ticker, entered = position.ticker, position.opened_on
    events = warehouse.read(EARNINGS_EVENTS, tickers=[ticker], start=entered)
    planned = shift(entered, -1)
    row: dict[str, Any] = {
        "ticker": ticker,
        "strategy": position.strategy,
        "contracts": position.contracts,
        "legs": legs_words([vars(leg) for leg in position.legs]),
        "expiry": position.expiry,
        "opened_on": entered,
        "entry_price": position.entry_price,
        "closed_on": position.closed_on,
        "exit_price": position.exit_price,
        "exit_reason": (position.exit_reason or "").partition(":")[0] or None,
        "pnl_usd": position.profit_usd,
        **_forecast(warehouse, ticker, planned),
    }
    event = next(events.sort("date").iter_rows(named=True), None)
    if event is None:
        return row | dict.fromkeys(("report_date", "move", "iv_pre", "iv_post"))
    history = warehouse.read(IV_HISTORY, tickers=[ticker], start=entered, end=event["date"])
    iv = dict(history.select("date", "iv_30d").iter_rows())
    return row | {
        "report_date": event["report_date"],
        "move": event["move"],
        "iv_pre": iv.get(event["anchor"]),
        "iv_post": iv.get(event["date"]),
    }


def _forecast(warehouse: Warehouse, ticker: str, day: date) -> dict[str, Any]:
    """What the options priced of the report at the close of the plan, and the forecast move."""
    names = ["implied_move", "expected_move", "ratio"]
    rows = warehouse.read(EARNINGS_FORECAST, tickers=[ticker], start=day, end=day)
    return next(rows.select(names).iter_rows(named=True), dict.fromkeys(names))


def _undone(plans: pl.DataFrame) -> dict[str, int]:
    codes: Iterable[str] = plans["reasons"].explode().drop_nulls()
    found: dict[str, int] = {}
    for code in codes:
        if code in {"NO_EDGE_EARNINGS", "EARNINGS_NOT_PRICED", "EARNINGS_UNCONFIRMED"}:
            found[code] = found.get(code, 0) + 1
    return found
