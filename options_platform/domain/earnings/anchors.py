"""Which session knows a report last, and which reacts to it first.

The anchor is the last session that closes before the news, the reaction the session after it. A
report after the close has its own session as anchor, or the one before if its day has no session; a
report before the open has the session before its day.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import is_session, sessions, shift

BEFORE_OPEN, AFTER_CLOSE = "before_open", "after_close"
FARTHEST_SESSIONS = 63


def anchor_of(day: date, timing: str | None) -> date:
    """The last session that closes before the news of a report on `day`.

    `timing` is before_open, after_close or None; a report of unknown timing counts as after the
    close. Raises UsageError outside the calendar.
    """
    if timing != BEFORE_OPEN and is_session(day):
        return day
    return shift(day, -1)


def reaction_of(anchor: date) -> date:
    """The first session that knows the report: the next one after its anchor."""
    return shift(anchor, 1)


def with_anchors(reports: pl.DataFrame) -> pl.DataFrame:
    """`reports` (date, timing) with the sessions `anchor` and `reaction`."""
    pairs = zip(reports["date"].to_list(), reports["timing"].to_list(), strict=True)
    anchors = [anchor_of(day, timing) for day, timing in pairs]
    return reports.with_columns(
        pl.Series("anchor", anchors, pl.Date),
        pl.Series("reaction", [reaction_of(anchor) for anchor in anchors], pl.Date),
    )


def spans(entry: date, last_day: date, anchor: date) -> bool:
    """Whether a position entered at the close of `entry` and closed on `last_day` spans the report.

    A position that is closed at the close of the anchor does not.
    """
    return entry <= anchor < last_day


def sessions_to(day: date, anchor: date) -> int:
    """Sessions after `day` up to and with the anchor, at most 63; 0 on the anchor itself."""
    return min(_sessions_after(day, anchor), FARTHEST_SESSIONS)


def sessions_since(reaction: date, day: date) -> int:
    """Sessions after the reaction up to and with `day`, at most 63; 0 on the reaction itself."""
    return min(_sessions_after(reaction, day), FARTHEST_SESSIONS)


def _sessions_after(first: date, last: date) -> int:
    between = sessions(first, last)
    return len(between) - (1 if between and between[0] == first else 0)
