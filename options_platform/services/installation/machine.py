"""Checks the machine: its clock and its time zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import Settings

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
SLACK = timedelta(minutes=2)
WINTER, SUMMER = datetime(2026, 1, 15, 12), datetime(2026, 7, 15, 12)  # noqa: DTZ001 (New York's)


def machine_findings(settings: Settings, now: datetime) -> Iterator[Diagnosis]:
    """The clock against what it cannot be, and the hours of New York against the known ones."""
    yield _clock(settings, now)
    yield _time_zone()


def _clock(settings: Settings, now: datetime) -> Diagnosis:
    advice = "set it, and switch on time synchronisation (NTP)"
    shown = f"{now.astimezone(NEW_YORK):%Y-%m-%d %H:%M} in New York"
    if now < RELEASED:
        return Diagnosis("clock", Diagnosis.BROKEN, f"{shown}, before this release; {advice}")
    stamps = {
        path.name: datetime.fromtimestamp(path.stat().st_mtime, UTC)
        for path in (settings.warehouse_path, settings.ledger_path)
        if path.exists()
    }
    for name, written in stamps.items():
        if written > now + SLACK:
            detail = f"{shown}, but {name} was written at {written:%Y-%m-%d %H:%M} UTC; {advice}"
            return Diagnosis("clock", Diagnosis.BROKEN, detail)
    return Diagnosis("clock", Diagnosis.OK, shown)


def _time_zone() -> Diagnosis:
    hours = [
        offset.total_seconds() / 3600
        for offset in (NEW_YORK.utcoffset(moment) for moment in (WINTER, SUMMER))
        if offset is not None
    ]
    if hours != [-5.0, -4.0]:
        detail = f"New York is at UTC{hours} in winter and summer; run: pip install -U tzdata"
        return Diagnosis("time zone", Diagnosis.BROKEN, detail)
    return Diagnosis("time zone", Diagnosis.OK, f"{NEW_YORK.key}, UTC-5 in winter, -4 in summer")
