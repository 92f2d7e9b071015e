"""The blackout of a stock in a sentence: when it reports, what is refused, when positions leave."""

from __future__ import annotations

from datetime import date

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.blackout import (
    EARNINGS_UNKNOWN,
    Known,
    ReportAhead,
    window_of,
)
from options_platform.domain.earnings.rules import OFF, WINDOW, BlackoutRules
from options_platform.domain.earnings.trade_rules import EarningsTradeRules


def blackout_words(ticker: str, known: Known, rules: BlackoutRules) -> str:
    """What is known of the next report of a stock, and what the blackout makes of it."""
    if known.ahead is None:
        if known.is_dated:
            return f"{ticker}: its report is out, and the next one has no date yet."
        if rules.mode == OFF or rules.unknown == "allow":
            return f"{ticker}: the date of its next report is not known."
        return (
            f"{ticker}: the date of its next report is not known, so no entry is made "
            f"({EARNINGS_UNKNOWN})."
        )
    reports = f"{ticker} reports on {known.ahead.day} ({known.ahead.status})"
    if rules.mode == OFF:
        return f"{reports}; the blackout is off."
    return f"{reports}: {_entries(known.ahead, rules)}{_exits(known.ahead, rules)}."


def leaving_words(report: ReportAhead | None, expiry: date, rules: BlackoutRules) -> str | None:
    """When a position that expires on `expiry` leaves for a report; None if it does not."""
    if report is None:
        return None
    window = window_of(report, rules)
    if window.leave_in is None or expiry <= window.first:
        return None
    return f"leaves in the session of {window.leave_in} for the report of {report.text}"


def held_for_words(report: ReportAhead | None, expiry: date, rules: EarningsTradeRules) -> str:
    """When an earnings trade leaves: it is there for the report ahead."""
    if report is None or report.anchor >= expiry:
        return "its report is out or has moved, so it leaves in the next session"
    if rules.exit == "expiry":
        return f"it is held over the report of {report.text}"
    reaction = shift(report.anchor, 1)
    return f"leaves in the session of {reaction}, the first that knows the report of {report.text}"


def _entries(report: ReportAhead, rules: BlackoutRules) -> str:
    """Which entries are refused; an entry works in the session after its plan's."""
    window = window_of(report, rules)
    if rules.mode == WINDOW:
        since = shift(window.first, 1 - rules.days_before) if rules.days_before else window.first
        return f"no entry in the sessions from {since} to {window.last}"
    refused = f"no entry that expires after {window.first}"
    if window.leave_in is None:
        return f"{refused}, up to the session of {window.last}"
    since = shift(window.leave_in, -rules.min_hold)
    return f"{refused} in the sessions after {since}, up to {window.last}"


def _exits(report: ReportAhead, rules: BlackoutRules) -> str:
    window = window_of(report, rules)
    if window.leave_in is None:
        return ""
    return f"; open positions leave in the session of {window.leave_in}"
