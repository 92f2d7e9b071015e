"""Dates of reports that cannot all be right, whatever the market did: a quarter's are apart.

A file with a report in a wrong quarter has two gaps that no company has, a doubled report one that
is too short, a missing one a gap that is too long. A report on a day without a session is possible,
but mostly a slip. Which date is wrong nobody can tell from the dates alone, so none is set aside:
all of them forbid trades (`domain.earnings.blackout`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import is_session
from options_platform.domain.earnings.anchors import anchor_of
from options_platform.domain.earnings.record import PROJECTED

FEWEST_DAYS, MOST_DAYS = 60, 120
"""Calendar days from one report to the next."""


def off_sessions(reports: pl.DataFrame, since: date) -> list[str]:
    """One line for each report from `since` on that is on no session; arguments as
    :func:`not_quarterly`, with timing."""
    lines = []
    for row in _of_sources(reports).iter_rows(named=True):
        day = row["date"]
        if day >= since and not is_session(day):
            lines.append(
                f"{row['ticker']} {day} is no session, so the report counts as after the close of "
                f"{anchor_of(day, row['timing'])}; correct the date if it was another day"
            )
    return lines


def not_quarterly(reports: pl.DataFrame, since: date) -> list[str]:
    """One line for each pair of neighbouring reports that are no quarter apart.

    Args:
        reports: date, ticker and status of reports, the one before `since` among them; projected
            ones, which no source gave, are left out.
        since: the first day of the later report of a pair that is looked at.
    """
    return list(_gaps(_of_sources(reports), since))


def _gaps(reports: pl.DataFrame, since: date) -> Iterator[str]:
    before: tuple[str, date] | None = None
    for ticker, day in reports.select("ticker", "date").unique(maintain_order=True).iter_rows():
        last = before[1] if before is not None and before[0] == ticker else None
        before = (ticker, day)
        if last is None or day < since:
            continue
        days = (day - last).days
        if days < FEWEST_DAYS:
            yield (
                f"{ticker} {day} is {days} days after the report of {last}: one of the two is "
                "doubled or in a wrong quarter; remove it, or correct its date"
            )
        elif days > MOST_DAYS:
            yield (
                f"{ticker} {day} is {days} days after the report of {last}: one between them is "
                "missing, or one is in a wrong quarter; add it, or correct the date"
            )


def _of_sources(reports: pl.DataFrame) -> pl.DataFrame:
    given = pl.col("status").fill_null("") != PROJECTED
    return reports.filter(given).sort("ticker", "date")
