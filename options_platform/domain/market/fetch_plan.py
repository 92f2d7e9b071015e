"""Which sessions a run requests from a source: its own, missing earlier ones, and an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from options_platform.domain.calendar.sessions import FIRST_DAY, shift


@dataclass(frozen=True)
class FetchWindow:
    """Sessions to request, both ends included; `reason` as in the table `fetches`."""

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
    """The window to request for one ticker or index.

    If nothing is stored, or the beginning of the history was never requested, it is the whole
    history. Otherwise it starts `overlap` sessions before the run's first session, the first
    missing session or the first pending bar, whichever is earliest.

    Args:
        start: first session of the run's range.
        end: last session of the run's range.
        first: first session of the configured history.
        last_stored: newest stored session; None if nothing is stored.
        asked_from: earliest session ever requested from the source; None if there was no request.
        pending: session of the earliest accepted bar that is not yet in the data; None if none.
        overlap: number of stored sessions that are requested again.
    """
    if last_stored is None or asked_from is None or asked_from > first:
        return FetchWindow(first, max(end, last_stored or end), "first")
    needed = min(day for day in (start, shift(last_stored, 1), pending) if day is not None)
    return FetchWindow(max(first, _back(needed, overlap)), end, "range")


def _back(day: date, count: int) -> date:
    # Near the beginning of the calendar there may be fewer sessions than the overlap.
    return shift(day, -count) if (day - FIRST_DAY).days > 2 * count + 10 else FIRST_DAY
