"""The sessions around a ticker's reports, in which its options are quoted wider."""

from __future__ import annotations

from datetime import date

from options_platform.domain.calendar.sessions import close_time, ordinals
from options_platform.domain.earnings.known_dates import KnownDates


def near_reports(known: KnownDates, reach: int) -> dict[date, int]:
    """By session, ascending, the sessions to the nearest anchor that its close knew of.

    Sessions farther than `reach` from any are left out. Whoever quotes options knows the date of a
    report that is days away, so sessions before the first fetch go by the true dates.
    """
    at = dict(zip(*(ordinals()[name].to_list() for name in ("date", "session")), strict=True))
    place = {number: day for day, number in at.items()}
    near: dict[date, int] = {}
    for anchor, first, end in known.anchors():
        for off in range(-reach, reach + 1):
            day = place.get(at[anchor] + off) if anchor in at else None
            if day is None or near.get(day, reach + 1) <= abs(off):
                continue
            moment = close_time(day)
            if (first is None or first <= moment) and (end is None or moment < end):
                near[day] = abs(off)
    return dict(sorted(near.items()))
