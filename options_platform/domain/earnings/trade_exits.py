"""When a position of an earnings strategy leaves: it is there for one report."""

from __future__ import annotations

from datetime import date

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.blackout import EARNINGS, ReportAhead
from options_platform.domain.earnings.trade_rules import (
    EARNINGS_STRATEGIES,
    SELLING,
    EarningsTradeRules,
)

REPORT_AT_OPEN, REPORT_OUT, REPORT_MOVED = "REPORT_AT_OPEN", "REPORT_OUT", "REPORT_MOVED"
"""Reasons of exits: works from the open after the report, by the close; the report went away."""
REPORT_EXITS = (REPORT_AT_OPEN, REPORT_OUT, REPORT_MOVED)
FOR_REPORT = frozenset({EARNINGS, *REPORT_EXITS})
"""Exits that must not wait: they cross to the far side of the quotes before the close."""


def report_exit(
    strategy: str,
    report: ReportAhead | None,
    planned_on: date,
    expiry: date,
    session: date,
    rules: EarningsTradeRules,
) -> str | None:
    """Why the close of `session` decides to leave an earnings trade; None to hold it.

    `report` is the one that this close has ahead. The order works in the next session, which is the
    reaction where this is the last close before the report. With the exit at expiry, what is short
    of options is left one session later, in the first that can be decided with the news known.
    A report that has moved beyond the expiry leaves the position without its reason.
    """
    if strategy not in EARNINGS_STRATEGIES:
        return None
    ahead = report is not None and session <= report.anchor < expiry
    if ahead and report is not None and session < report.anchor:
        return None
    was_due = shift(planned_on, rules.planned_ahead)
    if not ahead and session < was_due:
        return REPORT_MOVED
    if rules.exit != "expiry":
        return REPORT_AT_OPEN if rules.exit == "next_open" else REPORT_OUT
    return REPORT_OUT if not ahead and strategy in SELLING else None
