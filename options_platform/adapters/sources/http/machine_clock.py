"""This machine's clock against the time that a source's answers carry.

By a clock that runs ahead a session would look over while it trades, and its unfinished bar would
be stored as final.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from options_platform.adapters.sources.http.retry import FetchError

MOST_OFF = timedelta(minutes=15)
"""Less than a bar waits after the close before it counts as final."""

MINUTE, HOUR = 60.0, 3600.0


def require_right_clock(headers: Mapping[str, str], host: str, now: datetime) -> None:
    """Raise :class:`FetchError` if `now` is more than 15 minutes off the answer's `Date`.

    A stored copy states its `Age` beside (RFC 9111, 5.1). An answer without a readable date says
    nothing.
    """
    served = _served_at(headers)
    if served is None or abs(now - served) <= MOST_OFF:
        return
    seconds = abs(now - served).total_seconds()
    off = f"{seconds / HOUR:.0f} h" if seconds >= 2 * HOUR else f"{seconds / MINUTE:.0f} min"
    side = "ahead of" if now > served else "behind"
    raise FetchError(
        f"this machine's clock is {off} {side} that of {host}, so it does not know which sessions "
        "are over",
        passing=False,
        advice="set it, switch on time synchronisation (NTP), and run again",
    )


def _served_at(headers: Mapping[str, str]) -> datetime | None:
    try:
        dated = parsedate_to_datetime(headers["Date"])
        age = timedelta(seconds=float(headers.get("Age") or 0))
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return (dated if dated.tzinfo else dated.replace(tzinfo=UTC)) + age
