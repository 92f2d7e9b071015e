"""The settings of alerts: when a condition is one, when a person is disturbed, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

GROWN = 2.0
"""A condition is reported again at this many times the size that was reported."""


@dataclass(frozen=True)
class AlertRules:
    """When to alert.

    At a fall of equity from its peak by `drawdown_pct` (a fraction) or more; and for a session
    whose daily run has recorded nothing `missed_after_hours` hours after its start. The account is
    checked every `every_seconds`.

    In `quiet_hours`, such as `22:00-07:00` in `quiet_zone`, only critical alerts are sent; the
    others wait for their end. Empty: no hour is quiet. A critical alert that nobody has
    acknowledged `escalate_after_minutes` minutes after it arose is sent again, and so on, at most
    `escalations` times; 0 minutes: never. A condition that comes back with the same text within
    `same_within_minutes` minutes of its end is the same one, and is not sent again.
    """

    drawdown_pct: float = 0.05
    missed_after_hours: float = 3.0
    every_seconds: int = 60
    quiet_hours: str = ""
    quiet_zone: str = "America/New_York"
    escalate_after_minutes: float = 60.0
    escalations: int = 3
    same_within_minutes: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.drawdown_pct < 1:
            raise ValueError("drawdown_pct is a fraction such as 0.05")
        if self.missed_after_hours <= 0:
            raise ValueError("missed_after_hours is more than 0")
        if self.every_seconds < 1:
            raise ValueError("every_seconds is at least 1")
        for name in ("escalate_after_minutes", "escalations", "same_within_minutes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is 0 or more")
        _span(self.quiet_hours)
        _zone(self.quiet_zone)

    def is_quiet(self, now: datetime) -> bool:
        """Whether only critical alerts may disturb; from the first minute to before the last."""
        span = _span(self.quiet_hours)
        if span is None:
            return False
        begin, end = span
        here = now.astimezone(_zone(self.quiet_zone)).time()
        return begin <= here < end if begin < end else here >= begin or here < end

    def escalates(self, since: datetime, escalations: int, now: datetime) -> bool:
        """Whether an unacknowledged critical alert is sent again, after so many escalations."""
        if self.escalate_after_minutes == 0 or escalations >= self.escalations:
            return False
        return now >= since + timedelta(minutes=self.escalate_after_minutes) * (escalations + 1)


def _span(text: str) -> tuple[time, time] | None:
    if not text:
        return None
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        raise ValueError("quiet_hours is empty or two times such as 22:00-07:00") from None
    if begin == end:
        raise ValueError("quiet_hours begins and ends at the same time; leave it empty for none")
    return begin, end


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"quiet_zone {name!r} is no time zone such as Europe/Berlin") from None
