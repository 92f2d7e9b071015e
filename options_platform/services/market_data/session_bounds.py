"""The first and the newest session of the settings, for commands that do not load Dagster."""

from __future__ import annotations

from datetime import date, datetime

from options_platform.domain.calendar.sessions import all_sessions, newest_session
from options_platform.errors import UsageError
from options_platform.settings import Settings

EARLIER_START = "set an earlier start in options.toml or OPTIONS_START"


def newest_date(settings: Settings, now: datetime) -> date:
    """The newest session with a partition: the last completed one, or the last up to `end`.

    `now` has a time zone; `end` is the last day of the settings, None for no end.
    """
    newest = newest_session(now)
    if settings.end is None or settings.end >= newest:
        return newest
    return max(day for day in all_sessions() if day <= settings.end)


def first_date(settings: Settings) -> date:
    """The first session on or after the settings' start.

    Raises :class:`UsageError` for a start after the last session that the calendar has.
    """
    first = min((day for day in all_sessions() if day >= settings.start), default=None)
    if first is None:
        raise UsageError(f"{start_in_future(settings)}; {EARLIER_START}")
    return first


def start_in_future(settings: Settings) -> str:
    """That the settings' history has not begun."""
    return f"the history of the settings begins in the future, at {settings.start}"
