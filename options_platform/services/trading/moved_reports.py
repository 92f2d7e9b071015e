"""Earnings reports that have moved into the life of an open position since it was opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.calendar.sessions import close_time, newest_final_session, shift
from options_platform.domain.earnings.blackout import EARNINGS, ReportAhead, window_of
from options_platform.domain.earnings.rules import OFF
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.trading.positions import Position
from options_platform.services.trading.reports_ahead import ReportsAhead, stored_reports
from options_platform.settings import Settings


def moved_reports(
    settings: Settings, positions: Sequence[Position], warehouse: Warehouse, now: datetime
) -> dict[str, str]:
    """By position_id and day what moved into the life of each open position, in words.

    Earnings trades are there for their report: one that moves away closes them.
    Compared is what is known now with what was known on the day that the position was opened.
    """
    if settings.blackout.mode == OFF:
        return {}
    moved = {}
    newest = stored_reports(settings, warehouse, now)
    for position in positions:
        if position.strategy in EARNINGS_STRATEGIES:
            continue
        report = newest.ahead(position.ticker, newest_final_session(now))
        if report is None or not _is_met(report, position, settings):
            continue
        before = _when_opened(position, newest)
        if before is not None and _is_met(before, position, settings):
            earliest = window_of(before, settings.blackout).first
            if earliest <= window_of(report, settings.blackout).first:
                continue
        moved[f"{position.position_id} {report.day}"] = _text(position, report, before, settings)
    return moved


def _when_opened(position: Position, newest: ReportsAhead) -> ReportAhead | None:
    """The report that was known to lie ahead when the position was opened."""
    then = ReportsAhead(newest.settings, newest.read, close_time(position.opened_on))
    return then.ahead(position.ticker, shift(position.opened_on, -1))


def _is_met(report: ReportAhead, position: Position, settings: Settings) -> bool:
    return window_of(report, settings.blackout).first < position.expiry


def _text(
    position: Position, report: ReportAhead, before: ReportAhead | None, settings: Settings
) -> str:
    known = "no date was known" if before is None else f"the date was {before.text}"
    leave_in = window_of(report, settings.blackout).leave_in
    leaves = "it stays open" if leave_in is None else f"it leaves by {leave_in} ({EARNINGS})"
    return (
        f"{position.ticker} reports on {report.text}, before the {position.strategy} opened on "
        f"{position.opened_on} expires on {position.expiry}; when it was opened {known}; {leaves}"
    )
