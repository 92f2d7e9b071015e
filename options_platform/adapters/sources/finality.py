"""Final rows of a source: drops bars that still change, refuses answers that end too early."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from options_platform.adapters.sources.http.retry import FetchError
from options_platform.domain.calendar.sessions import (
    NEW_YORK,
    SETTLED_AFTER,
    close_time,
    is_session,
    sessions,
)

LOOK_BACK = timedelta(days=14)


def first_open_day(now: datetime) -> date:
    """The first New York day whose daily bar is not final at `now`."""
    today = now.astimezone(NEW_YORK).date()
    if is_session(today) and now < close_time(today) + SETTLED_AFTER:
        return today
    return today + timedelta(days=1)


def final_rows(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The rows of `frame` whose bar is final at `now`."""
    return frame.filter(pl.col("date") < first_open_day(now))


def require_reach(
    source: str, ticker: str, table: pl.DataFrame, start: date, end: date, now: datetime
) -> None:
    """Raise :class:`FetchError` if `table` ends before the last session from `start` to `end`.

    `table` may reach beyond `end`, so that a range before a ticker's first bar is no error. If the
    last session is final, the error carries the bars of the range, and it is worth a retry only
    for bars that end within the last 14 days.
    """
    expected = sessions(max(start, end - LOOK_BACK), end)
    if not expected:
        return
    last = max(table["date"].to_list(), default=None)
    if last is not None and last >= expected[-1]:
        return
    if expected[-1] >= first_open_day(now):
        settled = close_time(expected[-1]) + SETTLED_AFTER
        raise FetchError(
            f"the session {expected[-1]} is not final before {settled:%H:%M} New York",
            passing=False,
            advice="ask for an earlier end, or again after that",
        )
    raise FetchError(
        f"the history of {ticker} at {source} ends {last or 'before it begins'}, before "
        f"{expected[-1]}",
        passing=last is not None and last >= expected[0],
        bars=table.filter(pl.col("date").is_between(start, end)),
    )
