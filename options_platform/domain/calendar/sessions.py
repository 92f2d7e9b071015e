"""New York sessions: trading days, opening and closing times, and counting from one to another.

No function here reads the clock; "now" is always an argument. Closures announced after this
version was released are added once, when the process reads its settings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import polars as pl

from options_platform.domain.calendar.closures import ANNOUNCED_LATE, Closure
from options_platform.domain.calendar.holidays import EARLY_CLOSES, FIRST_YEAR, HOLIDAYS, LAST_YEAR
from options_platform.errors import UsageError

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = date(FIRST_YEAR, 1, 1)
LAST_DAY = date(LAST_YEAR, 12, 31)
OPEN = time(9, 30)
REGULAR_CLOSE = time(16, 0)
EARLY_CLOSE = time(13, 0)
# Official closes and the VIX settlement (16:15) are published half an hour after the close.
SETTLED_AFTER = timedelta(minutes=30)
# The longest-dated listed options live about three years.
YEARS_BEYOND = 6

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")
_caches: list[Callable[[], None]] = []
_added_closures: list[Closure] = []


def calendar_cache(function: Callable[Arguments, Value]) -> Callable[Arguments, Value]:
    """Like `functools.cache`, for results that depend on the calendar: `set_closures` clears it."""
    cached = cache(function)
    _caches.append(cached.cache_clear)
    return cached  # type: ignore[return-value]


def set_closures(closures: Sequence[Closure]) -> None:
    """Add `closures` to this process's calendar, replacing those added earlier."""
    if list(closures) == _added_closures:
        return
    _added_closures[:] = closures
    for clear in _caches:
        clear()


@calendar_cache
def unplanned_closures() -> tuple[Closure, ...]:
    """Unscheduled closures, including those from the settings, in order of announcement."""
    by_day = {closure.day: closure for closure in (*ANNOUNCED_LATE, *_added_closures)}
    return tuple(sorted(by_day.values(), key=lambda closure: (closure.announced, closure.day)))


@calendar_cache
def holidays() -> frozenset[date]:
    """Weekdays on which the exchange is closed."""
    added = (closure.day for closure in _added_closures)
    return frozenset([*(date.fromisoformat(text) for text in HOLIDAYS), *added])


@cache
def early_closes() -> frozenset[date]:
    """Sessions that close at 13:00 New York."""
    return frozenset(date.fromisoformat(text) for text in EARLY_CLOSES)


@calendar_cache
def all_sessions() -> tuple[date, ...]:
    """Every session of the calendar, ascending."""
    closed = holidays()
    days = (FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1))
    return tuple(day for day in days if day.weekday() < 5 and day not in closed)


def is_session(day: date) -> bool:
    """Whether the exchange trades on `day`."""
    _require_covered(day)
    return day.weekday() < 5 and day not in holidays()


def sessions(start: date, end: date) -> list[date]:
    """The sessions from `start` to `end`, both included, ascending."""
    _require_covered(start)
    _require_covered(end)
    every = all_sessions()
    return list(every[bisect_left(every, start) : bisect_right(every, end)])


@calendar_cache
def ordinals() -> pl.DataFrame:
    """Every session (`date`) with its number in the calendar (`session`)."""
    return (
        pl.DataFrame({"date": all_sessions()}, schema={"date": pl.Date})
        .with_row_index("session")
        .with_columns(pl.col("session").cast(pl.Int64))
    )


def shift(day: date, n: int) -> date:
    """The session `n` sessions after `day` (before it, if negative).

    `day` may be a closed day: `n` = 1 is then the next session, `n` = -1 the previous one. With
    `n` = 0 it must be a session.

    Raises :class:`UsageError` for `n` = 0 on a closed day, or outside the calendar.
    """
    _require_covered(day)
    every = all_sessions()
    at = bisect_left(every, day)
    if at < len(every) and every[at] == day:
        target = at + n
    elif n == 0:
        raise UsageError(f"{day} is no New York session; {_nearest_hint(day)}")
    else:
        target = at + n - (1 if n > 0 else 0)
    if not 0 <= target < len(every):
        raise UsageError(f"the session {n:+d} from {day} lies outside {FIRST_DAY} to {LAST_DAY}")
    return every[target]


def close_time(day: date) -> datetime:
    """Closing time of the session, timezone-aware (New York)."""
    at = EARLY_CLOSE if day in early_closes() else REGULAR_CLOSE
    return datetime.combine(day, at, tzinfo=NEW_YORK)


def open_time(day: date) -> datetime:
    """Opening time of the session, timezone-aware (New York)."""
    return datetime.combine(day, OPEN, tzinfo=NEW_YORK)


@calendar_cache
def session_times() -> pl.DataFrame:
    """Opening and closing time of each session and the next opening time, in UTC.

    Columns date, open_at, close_at, next_open_at (null for the last session of the calendar).
    """
    every = all_sessions()
    stamp = pl.Datetime("us", "UTC")
    opens = pl.Series("open_at", [open_time(day).astimezone(UTC) for day in every], dtype=stamp)
    closes = pl.Series("close_at", [close_time(day).astimezone(UTC) for day in every], dtype=stamp)
    return pl.DataFrame({"date": every, "open_at": opens, "close_at": closes}).with_columns(
        next_open_at=pl.col("open_at").shift(-1)
    )


def last_trading_days(days: pl.Series, known_on: pl.Series | None = None) -> pl.Series:
    """The last session on or before each day; beyond the calendar, the last weekday.

    Until February 2015 monthly options expired on the Saturday after their last session. With
    `known_on`, a date for each day, a closure announced after that date still counts as a session.
    """
    weekdays = [LAST_DAY + timedelta(days=n) for n in range(1, YEARS_BEYOND * 366)]
    trading_days = [*all_sessions(), *(day for day in weekdays if day.weekday() < 5)]
    floor = pl.DataFrame({"session": trading_days}, schema={"session": pl.Date})
    requested = pl.DataFrame({"day": days}, schema={"day": pl.Date}).with_row_index("at")
    joined = requested.sort("day").join_asof(
        floor, left_on="day", right_on="session", strategy="backward", check_sortedness=False
    )
    last = joined.sort("at")
    if known_on is None:
        return last["session"]
    last = last.with_columns(known_on=known_on)
    for closure in sorted(unplanned_closures(), key=lambda closure: closure.day):
        unannounced = (pl.col("known_on") < closure.announced) & (pl.col("day") >= closure.day)
        latest = pl.max_horizontal("session", pl.lit(closure.day))
        last = last.with_columns(session=pl.when(unannounced).then(latest).otherwise("session"))
    return last["session"]


def newest_session(now: datetime) -> date:
    """The newest session whose partition exists at `now`: the last one before today, New York."""
    today = now.astimezone(NEW_YORK).date()
    return shift(today, -1)


def newest_final_session(now: datetime) -> date:
    """The newest session with final prices at `now`: half an hour after its close.

    From midnight New York on, it equals :func:`newest_session`.
    """
    today = now.astimezone(NEW_YORK).date()
    if is_session(today) and now >= close_time(today) + SETTLED_AFTER:
        return today
    return shift(today, -1)


def from_midnight(day: date) -> str:
    """From when on the partition of a session exists, in words."""
    return f"from 00:00 New York on {day + timedelta(days=1)} on"


def require_session(day: date, newest: date) -> date:
    """`day` itself; raises :class:`UsageError` unless it is a session not later than `newest`."""
    if day > newest:
        raise UsageError(
            f"{day} is not complete yet: it is run {from_midnight(day)}; the newest complete "
            f"session is {newest}"
        )
    if not is_session(day):
        raise UsageError(f"{day} is no New York session; {_nearest_hint(day)}")
    return day


def _nearest_hint(day: date) -> str:
    return f"the sessions around it are {shift(day, -1)} and {shift(day, 1)}"


def _require_covered(day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise UsageError(f"{day} lies outside the calendar, {FIRST_DAY} to {LAST_DAY}")
