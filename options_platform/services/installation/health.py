"""Checks whether Dagster's daemon lives and the daily schedule fires: cheap, for every minute.

Nothing is created or changed, and neither Dagster nor a database of market data is opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, time, timedelta

from options_platform.adapters.storage.dagster_pulse import SwitchedOn, heartbeats, switched_on
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.services.installation.first_steps import way_of
from options_platform.services.installation.helpers import SCHEDULES, SILENT_AFTER
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import Settings

DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "BACKFILL")
"""The daemons that trading every day needs, by the names that Dagster stores."""
DAILY = next(iter(SCHEDULES))
FIRES_AT, FIRES_ON = time(0, 30), frozenset({1, 2, 3, 4, 5})
"""When `defs/schedules.py` has the daily run start, in New York, and on which weekdays."""
LATE_AFTER = timedelta(minutes=15)


def health_findings(settings: Settings, now: datetime) -> Iterator[Diagnosis]:
    """Whether each daemon gave a sign of life, and whether the daily schedule fired when due.

    A schedule that is off is a note: it is how every home begins.
    """
    try:
        beats = heartbeats(settings.dagster_home)
        schedule = switched_on(settings.dagster_home, DAILY)
    except sqlite3.Error as error:
        detail = f"its state cannot be read ({error}); run: options-platform doctor --deep"
        yield Diagnosis("dagster daemon", Diagnosis.BROKEN, detail)
        return
    yield _daemons(beats, now)
    yield _daily(schedule, now)


def _daemons(beats: dict[str, datetime], now: datetime) -> Diagnosis:
    what = "dagster daemon"
    if not beats:
        return Diagnosis(what, Diagnosis.BROKEN, f"never ran in this home; {_restart()}")
    silent = [name for name in DAEMONS if name not in beats or now - beats[name] > SILENT_AFTER]
    if silent:
        minutes = SILENT_AFTER.total_seconds() / 60
        detail = f"no sign of life for {minutes:.0f} minutes from {', '.join(silent)}; {_restart()}"
        return Diagnosis(what, Diagnosis.BROKEN, detail)
    return Diagnosis(what, Diagnosis.OK, f"running, seen at {max(beats.values()):%H:%M:%S} UTC")


def _daily(schedule: SwitchedOn | None, now: datetime) -> Diagnosis:
    if schedule is None:
        return Diagnosis(DAILY, Diagnosis.NOTE, f"off: {SCHEDULES[DAILY]}")
    tick, due = schedule.newest, last_due(now - LATE_AFTER)
    if tick is not None and tick.error is not None:
        detail = f"its run of {_shown(tick.at)} did not start: {tick.error}"
        return Diagnosis(DAILY, Diagnosis.BROKEN, detail)
    fired = None if tick is None else tick.at
    is_due = schedule.since is not None and schedule.since < due
    if is_due and (fired is None or fired < due):
        detail = f"did not fire at {_shown(due)}; {_restart()}"
        return Diagnosis(DAILY, Diagnosis.BROKEN, detail)
    return Diagnosis(DAILY, Diagnosis.OK, f"on, fired {_shown(fired)}" if fired else "on")


def last_due(moment: datetime) -> datetime:
    """The last time up to `moment` at which the daily schedule is to fire."""
    day = moment.astimezone(NEW_YORK).date()
    while True:
        due = datetime.combine(day, FIRES_AT, NEW_YORK)
        if due <= moment and day.weekday() in FIRES_ON:
            return due
        day -= timedelta(days=1)


def _restart() -> str:
    return f"start it again: {way_of().restart}"


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M} in New York"
