"""The first and the newest session of the settings, for commands that do not load Dagster."""

from __future__ import annotations

from datetime import date, datetime

from options_platform.domain.calendar.sessions import all_sessions, newest_session
from options_platform.errors import UsageError
from options_platform.settings import Settings


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

    Raises :class:`UsageError` for a start after the calendar's last session.
    """
    first = min((day for day in all_sessions() if day >= settings.start), default=None)
    if first is None:
        raise UsageError(f"the calendar has no session from the start on, {settings.start}")
    return first


def start_in_future(settings: Settings, now: datetime) -> str | None:
    """That no session is over since the settings' start, with advice; None if one is."""
    newest = newest_session(now)
    if settings.start <= newest:
        return None
    return (
        f"the history of the settings begins at {settings.start}, after {newest}, the newest "
        "session; set start in options.toml, or OPTIONS_START, earlier"
    )
