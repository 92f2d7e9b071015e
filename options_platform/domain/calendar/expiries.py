"""Expiries listed on a session, and the choice of the one nearest to a target.

Exchanges list options by program. A program is a ladder of expiry dates, of which the next `count`
after the session are listed. The programs assumed here:

- Monthly: the third Friday, or the session before if that is a holiday (until February 2015 the
  Saturday after it, last traded on the Friday). The two nearest months are always listed.
- Weekly Fridays: Cboe Weeklys, on stocks and funds since May 2010, one at a time; up to five since
  November 2012 (Cboe information circular IC12-093). None falls on a monthly, nor on
  a quarterly of the same class.
- Quarterly: the last session of the quarter, on SPY, QQQ and IWM since July 2006 (Cboe); the next
  four.
- Wednesdays of SPY since 2016-09-07 (MIAX listing alert of 2016-09-06), Mondays since 2018-02-16
  (Cboe); both of QQQ since 2021-04-21 (Phlx order of the day before, 86 FR 22082), of IWM since
  2021-10-01 (86 FR 56332); five of each. A Monday expiry on a holiday moves to the next session,
  other weekdays to the previous one. A closure moves an expiry only from its announcement on.
- Every weekday of SPY and QQQ since November 2022 (87 FR 70880): two expiries per weekday, but the
  exchanges list the second on different days, so only the next one is assumed.

Nothing is listed before a ticker's first options: SPY 2005-01-10 (all six exchanges of the time),
QQQ 1999-03-10 (Amex, announced for the fund's first day). No such date of another ticker is kept.

A stock has monthlies and Friday weeklies only. Exchanges decide each quarter which stocks have
weeklies, and since January 2026 Mondays and Wednesdays; no list of these is kept here. Every
expiry given here was listed; further ones may have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from options_platform.domain.calendar.closures import Closure
from options_platform.domain.calendar.sessions import (
    FIRST_DAY,
    LAST_DAY,
    all_sessions,
    calendar_cache,
    is_session,
    unplanned_closures,
)

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = range(5)
Dates = NDArray[np.datetime64]


@dataclass(frozen=True)
class Program:
    """The next `count` expiries of a ladder are listed on sessions from `since` to `until`."""

    ladder: str
    count: int
    since: date = date.min
    until: date = date.max


def _fridays(ladder: str) -> tuple[Program, Program]:
    one_ends = date(2012, 11, 30)
    return (
        Program(ladder, 1, date(2010, 6, 1), one_ends),
        Program(ladder, 5, one_ends + timedelta(days=1)),
    )


MONTHLY = Program("monthly", 2)
QUARTERLY = Program("quarterly", 4, date(2006, 7, 10))
# The last session before weekdays were listed two at a time.
FIVE_EACH_ENDS = date(2022, 11, 11)
DAILY = date(2022, 11, 14)


def _weekday(name: str, since: date) -> tuple[Program, Program]:
    return Program(name, 5, since, FIVE_EACH_ENDS), Program(name, 1, DAILY)


STOCK = (MONTHLY, *_fridays("friday"))
FUND = (MONTHLY, QUARTERLY, *_fridays("friday_between"))
CLASSES: dict[str, tuple[Program, ...]] = {
    "SPY": (
        *FUND,
        *_weekday("wednesday", date(2016, 9, 7)),
        *_weekday("monday", date(2018, 2, 16)),
        Program("tuesday", 1, DAILY),
        Program("thursday", 1, DAILY),
    ),
    "QQQ": (
        *FUND,
        *_weekday("wednesday", date(2021, 4, 21)),
        *_weekday("monday", date(2021, 4, 21)),
        Program("tuesday", 1, DAILY),
        Program("thursday", 1, DAILY),
    ),
    "IWM": (
        *FUND,
        *_weekday("wednesday", date(2021, 10, 1)),
        *_weekday("monday", date(2021, 10, 1)),
    ),
}
"""Programs by ticker; any other ticker is a stock."""

FIRST_OPTIONS = {"SPY": date(2005, 1, 10), "QQQ": date(1999, 3, 10)}
"""First session with options on a ticker."""


def ticker_class(ticker: str) -> str:
    """The key of the ticker's programs: the ticker itself, or `stock`."""
    return ticker if ticker in CLASSES else "stock"


def listed_expiries(ticker: str, session: date) -> tuple[date, ...]:
    """Expiries listed on `session` and later than it, ascending, as last trading days."""
    sessions = np.array([session], dtype="datetime64[D]")
    if session < FIRST_OPTIONS.get(ticker, date.min):
        return ()
    expiries = _listed(ticker_class(ticker), sessions)[0]
    return tuple(np.unique(expiries[~np.isnat(expiries)]).tolist())


def choose_expiries(
    sessions: Dates,
    target_dte: NDArray[np.int64],
    low: int,
    high: int,
    tickers: Sequence[str],
) -> Dates:
    """For each row the listed expiry nearest to the target; the later one wins a tie.

    Args:
        sessions: session of each row, shape [rows].
        target_dte: target days to expiry (calendar days), shape [rows].
        low, high: range of allowed days to expiry, both included.
        tickers: underlying of each row.

    Returns:
        One expiry per row, shape [rows]; NaT if none is listed in the range (before options on the
        ticker or weeklies existed, and near the end of the calendar).
    """
    chosen = np.full(len(sessions), np.datetime64("NaT", "D"))
    classes = np.array([ticker_class(ticker) for ticker in tickers])
    for name in np.unique(classes):
        rows = classes == name
        days = sessions[rows].astype("datetime64[D]")
        listed = np.sort(_listed(str(name), days), axis=1)
        dte = (listed - days[:, None]).astype("timedelta64[D]").astype(np.int64)
        distance = np.abs(dte - target_dte[rows][:, None])
        inside = ~np.isnat(listed) & (dte >= low) & (dte <= high)
        distance = np.where(inside, distance, np.iinfo(np.int64).max)
        # Search backwards, so that argmin returns the later expiry of a tie.
        at = listed.shape[1] - 1 - np.argmin(distance[:, ::-1], axis=1)
        best = np.take_along_axis(listed, at[:, None], axis=1)[:, 0]
        exists = inside.any(axis=1) & (days >= np.datetime64(FIRST_OPTIONS.get(name, date.min)))
        chosen[rows] = np.where(exists, best, np.datetime64("NaT", "D"))
    return chosen


def _listed(name: str, sessions: Dates) -> Dates:
    """Listed expiries of a class, one row per session, unsorted and padded with NaT."""
    closures = unplanned_closures()
    announced = np.array([closure.announced for closure in closures], dtype="datetime64[D]")
    announced_counts = np.searchsorted(announced, sessions, side="right")
    listed: Dates | None = None
    for announced_count in np.unique(announced_counts):
        rows = announced_counts == announced_count
        part = _listed_when(name, sessions[rows], closures[announced_count:])
        if listed is None:
            listed = np.full((len(sessions), part.shape[1]), np.datetime64("NaT", "D"))
        listed[rows] = part
    return np.empty((0, 1), dtype="datetime64[D]") if listed is None else listed


def _listed_when(name: str, sessions: Dates, unannounced: tuple[Closure, ...]) -> Dates:
    """Listed expiries on sessions before the announcement of the closures in `unannounced`."""
    columns = []
    for program in CLASSES.get(name, STOCK):
        every = _ladder(program.ladder, unannounced)
        runs = (sessions >= np.datetime64(max(program.since, FIRST_DAY))) & (
            sessions <= np.datetime64(min(program.until, LAST_DAY))
        )
        first = np.searchsorted(every, sessions, side="right")
        for step in range(program.count):
            at = first + step
            expiry = every[np.minimum(at, len(every) - 1)]
            columns.append(np.where(runs & (at < len(every)), expiry, np.datetime64("NaT", "D")))
    return np.stack(columns, axis=1)


@calendar_cache
def _ladder(name: str, unannounced: tuple[Closure, ...]) -> Dates:
    weekdays = {"monday": MONDAY, "tuesday": TUESDAY, "wednesday": WEDNESDAY, "thursday": THURSDAY}
    if name == "monthly":
        days = monthly_expiries(unannounced)
    elif name == "quarterly":
        days = quarterly_expiries(unannounced)
    elif name in ("friday", "friday_between"):
        quarterly = quarterly_expiries(unannounced) if name == "friday_between" else ()
        taken = {*monthly_expiries(unannounced), *quarterly}
        days = tuple(day for day in weekday_expiries(FRIDAY, unannounced) if day not in taken)
    else:
        days = weekday_expiries(weekdays[name], unannounced)
    return np.array(days, dtype="datetime64[D]")


@calendar_cache
def monthly_expiries(unannounced: tuple[Closure, ...] = ()) -> tuple[date, ...]:
    """The last trading day of every monthly: the third Friday, or the session before it.

    Closures in `unannounced` are not yet known, so their days still count as sessions.
    """
    firsts = (
        date(year, month, 1)
        for year in range(FIRST_DAY.year, LAST_DAY.year + 1)
        for month in range(1, 13)
    )
    return tuple(
        _session_before(day + timedelta(days=(FRIDAY - day.weekday()) % 7 + 14), unannounced)
        for day in firsts
    )


@calendar_cache
def quarterly_expiries(unannounced: tuple[Closure, ...] = ()) -> tuple[date, ...]:
    """The last session of every quarter; `unannounced` as in :func:`monthly_expiries`."""
    open_days = sorted({*all_sessions(), *(closure.day for closure in unannounced)})
    last = {(day.year, (day.month - 1) // 3): day for day in open_days}
    return tuple(last.values())


@calendar_cache
def weekday_expiries(weekday: int, unannounced: tuple[Closure, ...] = ()) -> tuple[date, ...]:
    """Every expiry of the weekly ladder of `weekday` (0 is Monday), moved off holidays.

    `unannounced` as in :func:`monthly_expiries`.
    """
    first = FIRST_DAY + timedelta(days=(weekday - FIRST_DAY.weekday()) % 7)
    weeks = (LAST_DAY - first).days // 7 + 1
    days = (first + timedelta(weeks=week) for week in range(weeks))
    moved = _session_after if weekday == MONDAY else _session_before
    return tuple(moved(day, unannounced) for day in days)


def _session_before(day: date, unannounced: tuple[Closure, ...]) -> date:
    """`day`, or the last session before it."""
    while not _trades(day, unannounced):
        day -= timedelta(days=1)
    return day


def _session_after(day: date, unannounced: tuple[Closure, ...]) -> date:
    while not _trades(day, unannounced):
        day += timedelta(days=1)
    return day


def _trades(day: date, unannounced: tuple[Closure, ...]) -> bool:
    return is_session(day) or any(closure.day == day for closure in unannounced)
