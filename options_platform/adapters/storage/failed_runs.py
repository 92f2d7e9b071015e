"""The runs of Dagster that failed and have not succeeded since, from its own database of runs.

Read with SQLite alone: importing Dagster takes longer than all that a status has to say.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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


@dataclass(frozen=True)
class FailedRun:
    """A run that failed, the newest of its job that has ended; `ended` is None where unknown.

    `job` is "backfill" for a run of the job `daily` that the command `backfill` has started.
    """

    job: str
    run_id: str
    ended: datetime | None


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
        FailedRun(job, run_id, None if at is None else datetime.fromtimestamp(at, UTC))
        for job, run_id, status, at in rows
        if status == "FAILURE"
    ]
