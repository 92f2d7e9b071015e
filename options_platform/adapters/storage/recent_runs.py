"""The newest runs of Dagster with their durations, from its database of runs, by SQLite alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from options_platform.errors import DamagedError

NEWEST = """
SELECT pipeline_name, run_id, status, start_time, end_time FROM runs ORDER BY id DESC LIMIT ?
"""


@dataclass(frozen=True)
class Run:
    """A run: `started` is None before it has begun, `seconds` while it goes on."""

    job: str
    run_id: str
    status: str
    started: datetime | None
    seconds: float | None


def recent_runs(dagster_home: Path, most: int) -> list[Run]:
    """The newest runs, the newest first; empty before the first.

    Raises :class:`DamagedError` if the database cannot be read.
    """
    path = dagster_home / "history" / "runs.db"
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as connection:
            rows = connection.execute(NEWEST, [most]).fetchall()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return []
        raise DamagedError(path, str(error)) from error
    return [
        Run(
            job,
            run_id,
            status.lower(),
            None if begun is None else datetime.fromtimestamp(begun, UTC),
            None if begun is None or ended is None else ended - begun,
        )
        for job, run_id, status, begun, ended in rows
    ]
