"""`earnings`: the calendar of reports, as it is known now or was known at a moment."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from options_platform.commands.common import (
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
)
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.earnings.anchors import sessions_to
from options_platform.domain.earnings.known_dates import (
    ASSUMED,
    KnownDates,
    Report,
    as_frame,
    next_report,
)
from options_platform.domain.market.bars import require_ticker
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.settings import Settings

COLUMNS = (
    "date", "timing", "status", "anchor", "reaction", "timing_source", "knowledge", "source",
)  # fmt: skip
NEXT_COLUMNS = ("ticker", "date", "timing", "status", "anchor", "sessions_left", "knowledge")


def earnings(args: argparse.Namespace) -> int:
    """Print the reports of a ticker, or the next one of every ticker of the settings."""
    settings = reading_settings()
    moment = args.as_of or datetime.now(UTC)
    day = moment.astimezone(NEW_YORK).date()
    if args.as_of is None and settings.end is not None:
        # A history that has ended is seen from its last session.
        day = newest_date(settings, moment)
    tickers = [require_ticker(args.ticker)] if args.ticker else settings.tickers
    reports = {ticker: dates.at(moment, day) for ticker, dates in _known(settings, tickers).items()}
    if args.ticker:
        _print_all(args, reports[tickers[0]])
    else:
        _print_next(args, reports, day)
    if not args.json and any(r.knowledge == ASSUMED for known in reports.values() for r in known):
        say(
            f"No source was asked before {moment:%Y-%m-%d %H:%M} UTC. It is assumed that the "
            f"dates of the next {settings.earnings.assumed_known_days} days were known then."
        )
    return 0


def _known(settings: Settings, tickers: Sequence[str]) -> dict[str, KnownDates]:
    record = read_home(settings).warehouse.read(EARNINGS_KNOWN, tickers=tickers)
    return {ticker: KnownDates(ticker, record, settings.earnings) for ticker in tickers}


def _print_all(args: argparse.Namespace, reports: Sequence[Report]) -> None:
    rows = as_frame(reports).to_dicts()
    if args.json:
        print_json(rows)
    elif rows:
        print_table(rows, COLUMNS)
    else:
        say(
            f"no report of {args.ticker} is known: a fund reports nothing; the dates of a stock "
            "come with: options-platform daily"
        )


def _print_next(
    args: argparse.Namespace, reports: dict[str, tuple[Report, ...]], day: date
) -> None:
    rows = [_next_row(ticker, next_report(known, day), day) for ticker, known in reports.items()]
    if args.json:
        print_json(rows)
        return
    rows.sort(key=lambda row: (row["date"] is None, row["date"], row["ticker"]))
    print_table(rows, NEXT_COLUMNS)
    if not any(row["date"] for row in rows):
        say(
            "No next report is known: a fund reports nothing; the dates of a stock come with: "
            "options-platform daily"
        )


def _next_row(ticker: str, report: Report | None, day: date) -> dict[str, Any]:
    if report is None:
        return dict.fromkeys(NEXT_COLUMNS) | {"ticker": ticker}
    row = as_frame([report]).to_dicts()[0]
    left = sessions_to(day, report.anchor)
    return {name: row.get(name) for name in NEXT_COLUMNS} | {
        "ticker": ticker, "sessions_left": left,
    }  # fmt: skip
