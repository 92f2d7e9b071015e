"""The newest runs of Dagster with their durations, from its database of runs, by SQLite alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from options_platform.errors import DamagedError

NEWEST = """
SELECT pipeline_name, run_id, status, start_time, end_time FROM runs ORDER BY id DESC LIMIT ?
"""

COUNTS = """
SELECT pipeline_name, status, count(*), max(end_time), start_time FROM runs
GROUP BY pipeline_name, status ORDER BY pipeline_name, status
"""
"""SQLite takes the other columns from the row of the maximum."""


@dataclass(frozen=True)
class RunCount:
    """How many `runs` of a job have a status, when the newest `ended`, and the `seconds` it took;
    None while none has ended."""

    job: str
    status: str
    runs: int
    ended: datetime | None
    seconds: float | None


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
    return [
        Run(
            job,
            run_id,
            status.lower(),
            None if begun is None else datetime.fromtimestamp(begun, UTC),
            None if begun is None or ended is None else ended - begun,
        )
        for job, run_id, status, begun, ended in _rows(dagster_home, NEWEST, most)
    ]


def run_counts(dagster_home: Path) -> list[RunCount]:
    """The runs of each job by status; empty before the first.

    Raises :class:`DamagedError` if the database cannot be read.
    """
    return [
        RunCount(
            job,
            status.lower(),
            runs,
            None if ended is None else datetime.fromtimestamp(ended, UTC),
            None if begun is None or ended is None else ended - begun,
        )
        for job, status, runs, ended, begun in _rows(dagster_home, COUNTS)
    ]


def _rows(dagster_home: Path, query: str, *values: int) -> list[tuple[Any, ...]]:
    path = dagster_home / "history" / "runs.db"
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return []
        raise DamagedError(path, str(error)) from error
