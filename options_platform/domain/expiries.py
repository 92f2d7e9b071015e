"""Which expiries are listed on a session, and the choice among them.

Exchanges list by programs; a program here is a ladder of expiries, of which the next `count`
after the session are listed. Relied on:

- Monthly: the third Friday (the Saturday after it until February 2015, last traded on the Friday);
  the session before where it is a holiday. The two nearest months are always listed.
- Weekly Fridays: Cboe Weeklys, on stocks and funds since May 2010, one at a time; up to five since
  November 2012 (Cboe information circular IC12-093). None falls on a monthly, nor on
  a quarterly of the same class.
- Quarterly, the last session of the quarter: on SPY, QQQ and IWM since July 2006 (Cboe), the next
  four.
- Wednesdays of SPY since 2016-09-07 (MIAX listing alert of 2016-09-06), Mondays since 2018-02-16
  (Cboe); both of QQQ since 2021-04-21 (Phlx order of the day before, 86 FR 22082), of IWM since
  2021-10-01 (86 FR 56332); five of each. A Monday on a holiday moves to the session after, other
  weekdays to the one before.
- Every weekday of SPY and QQQ since November 2022 (87 FR 70880): two a weekday since then, listed
  on different days by the exchanges, so only the next one is counted on.

A stock has monthlies and Friday weeklies only: which ones have weeklies, and since January 2026
Mondays and Wednesdays, changes by quarter and is not in any list here. What is named here was
listed; more may have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from options_platform.domain.calendar import FIRST_DAY, LAST_DAY, all_sessions, is_session

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


def ticker_class(ticker: str) -> str:
    """The class whose programs hold for the ticker: its own name, or `stock`."""
    return ticker if ticker in CLASSES else "stock"


def listed_expiries(ticker: str, session: date) -> tuple[date, ...]:
    """The expiries after `session` that are listed then, ascending, as last trading days."""
    sessions = np.array([session], dtype="datetime64[D]")
    found = _listed(ticker_class(ticker), sessions)[0]
    return tuple(np.unique(found[~np.isnat(found)]).tolist())


def choose_expiries(
    sessions: Dates,
    target_dte: NDArray[np.int64],
    low: int,
    high: int,
    tickers: Sequence[str],
) -> Dates:
    """For each row the listed expiry nearest to the target, ties to the later one.

    Args:
        sessions: one a row.
        target_dte: calendar days wanted, one a row.
        low, high: calendar days that count, both included.
        tickers: the underlying of each row.

    Returns:
        An expiry a row; NaT where none is listed in the window (before weeklies began, and near
        the calendar's end).
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
        # From the far end, so that the later of a tie is met first.
        at = listed.shape[1] - 1 - np.argmin(distance[:, ::-1], axis=1)
        best = np.take_along_axis(listed, at[:, None], axis=1)[:, 0]
        chosen[rows] = np.where(inside.any(axis=1), best, np.datetime64("NaT", "D"))
    return chosen


def _listed(name: str, sessions: Dates) -> Dates:
    """The listed expiries of a class, a row a session, in no order; NaT fills up."""
    columns = []
    for program in CLASSES.get(name, STOCK):
        every = _ladder(program.ladder)
        runs = (sessions >= np.datetime64(max(program.since, FIRST_DAY))) & (
            sessions <= np.datetime64(min(program.until, LAST_DAY))
        )
        first = np.searchsorted(every, sessions, side="right")
        for step in range(program.count):
            at = first + step
            expiry = every[np.minimum(at, len(every) - 1)]
            columns.append(np.where(runs & (at < len(every)), expiry, np.datetime64("NaT", "D")))
    return np.stack(columns, axis=1)


@cache
def _ladder(name: str) -> Dates:
    weekdays = {"monday": MONDAY, "tuesday": TUESDAY, "wednesday": WEDNESDAY, "thursday": THURSDAY}
    if name == "monthly":
        days = monthly_expiries()
    elif name == "quarterly":
        days = quarterly_expiries()
    elif name in ("friday", "friday_between"):
        quarterly = quarterly_expiries() if name == "friday_between" else ()
        taken = {*monthly_expiries(), *quarterly}
        days = tuple(day for day in weekday_expiries(FRIDAY) if day not in taken)
    else:
        days = weekday_expiries(weekdays[name])
    return np.array(days, dtype="datetime64[D]")


@cache
def monthly_expiries() -> tuple[date, ...]:
    """The last trading day of every monthly: the third Friday, or the session before it."""
    firsts = (
        date(year, month, 1)
        for year in range(FIRST_DAY.year, LAST_DAY.year + 1)
        for month in range(1, 13)
    )
    return tuple(
        _session_before(day + timedelta(days=(FRIDAY - day.weekday()) % 7 + 14)) for day in firsts
    )


@cache
def quarterly_expiries() -> tuple[date, ...]:
    """The last session of every quarter."""
    last = {(day.year, (day.month - 1) // 3): day for day in all_sessions()}
    return tuple(last.values())


@cache
def weekday_expiries(weekday: int) -> tuple[date, ...]:
    """Every expiry of the weekly ladder of `weekday` (0 is Monday), moved off holidays."""
    first = FIRST_DAY + timedelta(days=(weekday - FIRST_DAY.weekday()) % 7)
    weeks = (LAST_DAY - first).days // 7 + 1
    days = (first + timedelta(weeks=week) for week in range(weeks))
    return tuple(_session_after(day) if weekday == MONDAY else _session_before(day) for day in days)


def _session_before(day: date) -> date:
    """`day`, or the last session before it."""
    while not is_session(day):
        day -= timedelta(days=1)
    return day


def _session_after(day: date) -> date:
    while not is_session(day):
        day += timedelta(days=1)
    return day
