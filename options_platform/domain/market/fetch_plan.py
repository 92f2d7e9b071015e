"""What a run has to ask a source for: its own sessions, what is missing before, and an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from options_platform.domain.calendar.sessions import FIRST_DAY, shift


@dataclass(frozen=True)
class FetchWindow:
    """Sessions to ask for, both ends included; `reason` as in the table `fetches`."""

    start: date
    end: date
    reason: str

    def covers(self, other: FetchWindow) -> bool:
        """Whether all sessions of `other` are in this window."""
        return self.start <= other.start and self.end >= other.end


def fetch_window(
    *,
    start: date,
    end: date,
    first: date,
    last_stored: date | None,
    asked_from: date | None,
    pending: date | None,
    overlap: int,
) -> FetchWindow:
    """The window of one ticker or index.

    Args:
        start: first session of the run's range.
        end: last session of the run's range.
        first: first session of the history that the settings ask for.
        last_stored: the newest stored session, None if there is none.
        asked_from: the earliest session that the source was ever asked for.
        pending: the earliest accepted bar that is not in the data yet.
        overlap: so many stored sessions before the window's first one are asked for again.

    With nothing stored, or history missing at its beginning, the whole of it. Else from the
    run's first session, or from the first one missing before it, less the overlap.
    """
    if last_stored is None or asked_from is None or asked_from > first:
        return FetchWindow(first, max(end, last_stored or end), "first")
    needed = min(day for day in (start, shift(last_stored, 1), pending) if day is not None)
    return FetchWindow(max(first, _back(needed, overlap)), end, "range")


def _back(day: date, count: int) -> date:
    # Near the calendar's beginning there may be fewer sessions than the overlap asks for.
    return shift(day, -count) if (day - FIRST_DAY).days > 2 * count + 10 else FIRST_DAY
