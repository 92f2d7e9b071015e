"""Listed expiries: weekly Fridays, the Thursday before where the Friday is a holiday."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from options_platform.domain.calendar import FIRST_DAY, LAST_DAY, is_session

FRIDAY = 4


@cache
def listed_expiries() -> tuple[date, ...]:
    """Every weekly expiry of the calendar, ascending."""
    first = FIRST_DAY + timedelta(days=(FRIDAY - FIRST_DAY.weekday()) % 7)
    weeks = (LAST_DAY - first).days // 7 + 1
    found = []
    for week in range(weeks):
        day = first + timedelta(weeks=week)
        while not is_session(day):
            day -= timedelta(days=1)
        found.append(day)
    return tuple(found)


def choose_expiries(
    sessions: NDArray[np.datetime64], target_dte: NDArray[np.int64], low: int, high: int
) -> NDArray[np.datetime64]:
    """For each session the listed expiry nearest to the target, ties to the later one.

    Only expiries `low` to `high` calendar days away count; NaT where there is none (near the
    calendar's end).
    """
    every = np.array(listed_expiries(), dtype="datetime64[D]")
    chosen = np.full(len(sessions), np.datetime64("NaT", "D"))
    best = np.full(len(sessions), np.iinfo(np.int64).max)
    first = np.searchsorted(every, sessions + np.timedelta64(low, "D"))
    for step in range((high - low) // 5 + 2):
        at = first + step
        inside = at < len(every)
        expiry = every[np.minimum(at, len(every) - 1)]
        dte = (expiry - sessions).astype(np.int64)
        distance = np.abs(dte - target_dte)
        better = inside & (dte >= low) & (dte <= high) & (distance <= best)
        chosen = np.where(better, expiry, chosen)
        best = np.where(better, distance, best)
    return chosen
