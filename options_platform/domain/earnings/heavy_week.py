"""Weeks in which companies with much of an index's weight report: its fund then moves by them too.

It is said and changes no plan: index funds have no blackout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.known_dates import Report

SESSIONS = 5
FUNDS_OF_INDEX = ("SPY", "VOO", "IVV", "SPLG")
"""Funds of the index that `groups.weights` are of."""


@dataclass(frozen=True)
class HeavyWeek:
    """Reports that react in the sessions up to `last`, as (ticker, day), and their joint weight."""

    last: date
    weight: float
    reports: tuple[tuple[str, date], ...]

    def words(self, fund: str) -> str:
        """A sentence about the fund."""
        named = ", ".join(f"{ticker} on {day}" for ticker, day in self.reports)
        return (
            f"{fund}: a heavy week, {self.weight:.0%} of the index reports before the close of "
            f"{self.last}: {named}."
        )


def heavy_week(
    reports: Mapping[str, Sequence[Report]],
    weights: Mapping[str, float],
    day: date,
    share: float,
) -> HeavyWeek | None:
    """The reports with a reaction in the 5 sessions after `day`, if they have `share` of the index.

    `reports` are what is known of each ticker, `weights` fractions of the index. A ticker without a
    weight, or without a known date, counts as none of it.
    """
    last = shift(day, SESSIONS)
    coming = sorted(
        (report.day, ticker)
        for ticker, known in reports.items()
        for report in known
        if ticker in weights and day < report.reaction <= last
    )
    weight = sum(weights[ticker] for ticker in {ticker for _, ticker in coming})
    # In binary, 0.1 + 0.05 is slightly more than 0.15, and other sums slightly less.
    if not coming or round(weight, 9) < share:
        return None
    return HeavyWeek(last, weight, tuple((ticker, on) for on, ticker in coming))
