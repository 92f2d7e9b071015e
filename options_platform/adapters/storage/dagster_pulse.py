"""Whether Dagster is at work: the newest sign of life of each daemon, the ticks of a schedule.

Read from the databases of the home, like :mod:`.dagster_state`, for a check that runs every minute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from options_platform.adapters.storage.dagster_state import (
    RUNS,
    SCHEDULES,
    STOPPED,
    name_of,
    rows_of,
)


@dataclass(frozen=True)
class Tick:
    """One evaluation of a schedule; `error` is the first line of what failed, None otherwise."""

    at: datetime
    error: str | None


@dataclass(frozen=True)
class SwitchedOn:
    """A schedule that is on: since when, if it was switched by hand, and its newest tick."""

    since: datetime | None
    newest: Tick | None


def heartbeats(dagster_home: Path) -> dict[str, datetime]:
    """The newest sign of life of each daemon, by its type; raises sqlite3.Error."""
    rows = rows_of(dagster_home / RUNS, "daemon_heartbeats", "body")
    bodies = [json.loads(body) for (body,) in rows]
    return {body["daemon_type"]: _moment(body["timestamp"]) for body in bodies}


def switched_on(dagster_home: Path, schedule: str) -> SwitchedOn | None:
    """A schedule that was switched on by hand; None if it is off. Raises sqlite3.Error.

    Dagster keeps a state for each way in which the code was ever loaded; the newest counts.
    """
    path = dagster_home / SCHEDULES
    states = []
    rows = rows_of(path, "instigators", "status, selector_id, instigator_body, update_timestamp")
    for status, selector, body, changed in rows:
        instigator = json.loads(body)
        if name_of(instigator) == schedule and status != STOPPED:
            started = (instigator["job_specific_data"] or {}).get("start_timestamp")
            since = None if started is None else _moment(started)
            states.append((changed, SwitchedOn(since, _newest_tick(path, selector))))
    return max(states, key=lambda state: str(state[0]))[1] if states else None


def _newest_tick(path: Path, selector: str) -> Tick | None:
    rows = rows_of(
        path,
        "job_ticks",
        "tick_body",
        "WHERE selector_id = ? ORDER BY timestamp DESC, id DESC LIMIT 1",
        (selector,),
    )
    for (body,) in rows:
        tick: Mapping[str, Any] = json.loads(body)
        error = tick["error"]
        failed = None if error is None else next(iter(error["message"].splitlines()), "")
        return Tick(_moment(tick["timestamp"]), failed)
    return None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
