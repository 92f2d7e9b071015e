"""Unscheduled closures of the exchange, each with the day of its announcement.

`domain.calendar.holidays` lists every day that was closed in the end. Listings and plans of an
earlier day must use the calendar as it was known then: the weekly options of 2018-12-05 were
listed until that closure was announced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.domain.calendar.holidays import FIRST_YEAR, LAST_YEAR

SATURDAY = 5
FORM = "2026-12-09 announced 2026-12-01"


@dataclass(frozen=True)
class Closure:
    """A weekday on which the exchange closed unexpectedly, and the day of the announcement."""

    day: date
    announced: date

    def __post_init__(self) -> None:
        if self.announced > self.day:
            raise ValueError(
                f"the closure of {self.day} cannot have been announced on {self.announced}"
            )


# Announcements of the exchange: mourning for Nixon, September 2001, mourning for Reagan (WSJ,
# 2004-06-08) and Ford (CNN, 2006-12-29), hurricane Sandy, mourning for Bush (NYSE notice of
# 2018-12-01) and Carter (2024-12-30).
ANNOUNCED_LATE = tuple(
    Closure(date.fromisoformat(day), date.fromisoformat(announced))
    for day, announced in (
        ("1994-04-27", "1994-04-25"),
        ("2001-09-11", "2001-09-11"),
        ("2001-09-12", "2001-09-11"),
        ("2001-09-13", "2001-09-12"),
        ("2001-09-14", "2001-09-13"),
        ("2004-06-11", "2004-06-07"),
        ("2007-01-02", "2006-12-29"),
        ("2012-10-29", "2012-10-28"),
        ("2012-10-30", "2012-10-29"),
        ("2018-12-05", "2018-12-01"),
        ("2025-01-09", "2024-12-30"),
    )
)


def parse_closures(texts: Sequence[str]) -> tuple[Closure, ...]:
    """Parse closures from settings, each like `2026-12-09 announced 2026-12-01`.

    Raises :class:`ValueError` for any other format, a weekend, a day outside the calendar, or an
    announcement after the closure.
    """
    return tuple(_parse(text) for text in texts)


def _parse(text: str) -> Closure:
    day, _, announced = text.strip().partition(" announced ")
    try:
        days = date.fromisoformat(day.strip()), date.fromisoformat(announced.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no closure; write it like {FORM}") from None
    closure = Closure(*days)
    if not FIRST_YEAR <= closure.day.year <= LAST_YEAR:
        raise ValueError(f"{closure.day} lies outside the calendar, {FIRST_YEAR} to {LAST_YEAR}")
    if closure.day.weekday() >= SATURDAY:
        raise ValueError(f"{closure.day} is a weekend, on which the exchange is closed anyway")
    return closure
