"""The blackout: which entries a report forbids, and when a position leaves before one.

A report is known by its day, by how sure that is, and by its anchor, the last session that closes
before the news (`anchors`). An unsure day is a window of possible anchors. A position meets the
report if it is open at the close of any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from options_platform.domain.calendar.sessions import calendar_cache, shift
from options_platform.domain.earnings.anchors import anchor_of
from options_platform.domain.earnings.known_dates import PLANNED_AHEAD, KnownDates, Report
from options_platform.domain.earnings.record import ESTIMATED, PROJECTED, REPORTED
from options_platform.domain.earnings.rules import BlackoutRules

EARNINGS = "EARNINGS"
"""The reason of an exit before a report."""
EARNINGS_BLACKOUT, EARNINGS_UNKNOWN = "EARNINGS_BLACKOUT", "EARNINGS_UNKNOWN"
"""The codes of refused entries: a report forbids it, or its date is not known."""
UNSURE = (ESTIMATED, PROJECTED)
OVERDUE = timedelta(days=7)
"""How long after its day an unsure report that no source calls out is still waited for."""


@dataclass(frozen=True)
class ReportAhead:
    """A report that is not out, as it was known at a moment."""

    day: date
    status: str
    anchor: date

    @property
    def text(self) -> str:
        """Its day and how sure that is: `2024-01-25, confirmed`."""
        return f"{self.day}, {self.status}"


@dataclass(frozen=True)
class Known:
    """What was known at a close: the report `ahead`, None without one.

    `is_dated` is whether any report is dated in the next 120 days; of a stock without one nobody
    knows when it reports.
    """

    ahead: ReportAhead | None
    is_dated: bool


@dataclass(frozen=True)
class Window:
    """The sessions that a report takes: the first and the last that may be its anchor, and the one
    in which positions leave, None if they stay."""

    first: date
    last: date
    leave_in: date | None


def known_at(reports: Iterable[Report], day: date) -> Known:
    """What the `reports` that are known at the close of `day` say of the next one."""
    listed = list(reports)
    open_ = [
        report
        for report in listed
        if report.status != REPORTED
        and (report.anchor >= day or (report.status in UNSURE and report.anchor >= day - OVERDUE))
    ]
    ahead = min(open_, key=lambda report: report.anchor, default=None)
    dated = any(r.anchor >= day and r.day <= day + PLANNED_AHEAD for r in listed)
    if ahead is None:
        return Known(None, dated)
    is_near = ahead.day <= day + PLANNED_AHEAD
    return Known(ReportAhead(ahead.day, ahead.status, ahead.anchor), dated or is_near)


def known_by_session(dates: KnownDates, days: Sequence[date]) -> list[Known]:
    """:func:`known_at` for the close of each session."""
    return [known_at(dates.on(day), day) for day in days]


@calendar_cache
def window_of(report: ReportAhead, rules: BlackoutRules) -> Window:
    """The window of a report, by how sure its day is."""
    first = last = report.anchor
    if report.status == ESTIMATED and rules.estimated_sessions:
        first, last = (shift(report.anchor, n * rules.estimated_sessions) for n in (-1, 1))
    elif report.status == PROJECTED:
        off = timedelta(days=rules.projected_days)
        first, last = (anchor_of(report.anchor + sign * off, None) for sign in (-1, 1))
    leave_in = shift(first, 1 - rules.exit_before) if rules.closes else None
    return Window(first, last, leave_in)


def leaves(report: ReportAhead | None, session: date, expiry: date, rules: BlackoutRules) -> bool:
    """Whether the close of `session` decides to leave a position that expires on `expiry`.

    The order works in the next session. Once the report may have come for the last time nothing is
    closed any more: the news is in the price.
    """
    if report is None or not rules.closes:
        return False
    window, works_in = window_of(report, rules), shift(session, 1)
    if window.leave_in is None or expiry <= window.first:
        return False
    return window.leave_in <= works_in <= window.last
