"""The runs of Dagster that failed and have not succeeded since, from its own database of runs.

Read with SQLite alone: importing Dagster takes longer than all that a status has to say.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from options_platform.errors import DamagedError

NEWEST_OF_EACH_JOB = """
SELECT
    CASE WHEN EXISTS (
        SELECT 1 FROM run_tags
        WHERE run_tags.run_id = runs.run_id AND key = 'options_platform/backfill'
    ) THEN 'backfill' ELSE pipeline_name END,
    run_id, status, coalesce(end_time, start_time)
FROM runs
WHERE id IN (SELECT max(id) FROM runs WHERE status IN ('SUCCESS', 'FAILURE') GROUP BY pipeline_name)
ORDER BY id DESC
"""


FAILURES = """
SELECT step_key, event FROM event_logs
WHERE dagster_event_type IN ('STEP_FAILURE', 'PIPELINE_FAILURE')
ORDER BY dagster_event_type = 'PIPELINE_FAILURE', id
"""
"""A run's failures: first those of its steps, in their order, then that of the run itself."""

MOST_CHARACTERS = 240


@dataclass(frozen=True)
class FailedRun:
    """A run that failed, the newest of its job that has ended; `ended` is None where unknown.

    `job` is "backfill" for a run of the job `daily` that the command `backfill` has started.
    `cause` is the first failed step with the first line of its error; None where none was stored,
    as for a run whose process was killed.
    """

    job: str
    run_id: str
    ended: datetime | None
    cause: str | None = None


def failed_runs(dagster_home: Path) -> list[FailedRun]:
    """The jobs whose newest ended run failed, the newest first; empty before the first run.

    Raises :class:`DamagedError` if the database cannot be read.
    """
    path = dagster_home / "history" / "runs.db"
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as connection:
            rows = connection.execute(NEWEST_OF_EACH_JOB).fetchall()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return []
        raise DamagedError(path, str(error)) from error
    return [
        FailedRun(
            job,
            run_id,
            None if at is None else datetime.fromtimestamp(at, UTC),
            _cause(path.parent / "runs" / f"{run_id}.db"),
        )
        for job, run_id, status, at in rows
        if status == "FAILURE"
    ]


def _cause(events: Path) -> str | None:
    """The first failure in the event log of a run, in one line.

    None without a log, and of one that cannot be read: that the run failed is said all the same.
    """
    if not events.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{events}?mode=ro", uri=True, timeout=5.0)) as log:
            rows = log.execute(FAILURES).fetchall()
    except sqlite3.DatabaseError:
        return None
    for step, text in rows:
        if line := _first_line(text):
            return f"{step}: {line}" if step else line
    return None


def _first_line(text: str) -> str:
    """The first line of the error in a failure's JSON: the asset's own, not Dagster's around it."""
    try:
        event: dict[str, Any] = json.loads(text)["dagster_event"]
        error = (event.get("event_specific_data") or {}).get("error") or event
        message = (error.get("cause") or error).get("message") or ""
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."
