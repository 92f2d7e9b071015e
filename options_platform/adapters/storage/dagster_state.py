"""Dagster's record of its daemon, schedules and sensors, read from the databases of the home.

Importing Dagster to ask it takes longer than everything else that `doctor` does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

RUNS, SCHEDULES = Path("history", "runs.db"), Path("schedules", "schedules.db")
STOPPED = "STOPPED"


@dataclass(frozen=True)
class DagsterState:
    """What Dagster has stored.

    `heartbeat` is the newest sign of life of a daemon. `switched` says of each schedule and sensor
    that was ever switched by hand whether it is on.
    """

    heartbeat: datetime | None = None
    switched: Mapping[str, bool] = field(default_factory=dict)


def read_dagster_state(dagster_home: Path) -> DagsterState:
    """What is stored in DAGSTER_HOME; empty where Dagster has stored nothing yet.

    Raises sqlite3.Error for a database that cannot be read.
    """
    beats = rows_of(dagster_home / RUNS, "daemon_heartbeats", "body")
    newest = max((float(json.loads(body)["timestamp"]) for (body,) in beats), default=None)
    rows = rows_of(dagster_home / SCHEDULES, "instigators", "status, instigator_body")
    return DagsterState(
        None if newest is None else datetime.fromtimestamp(newest, UTC),
        {name_of(json.loads(body)): status != STOPPED for status, body in rows},
    )


def name_of(body: Mapping[str, Any]) -> str:
    """The name of the schedule or sensor that Dagster has stored so."""
    return str(body["origin"]["job_name"])


def rows_of(
    path: Path, table: str, columns: str, rest: str = "", values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Columns of a table; none of a file or a table that Dagster has not made yet.

    `rest` are further clauses, with `values` for their question marks. Raises sqlite3.Error.
    """
    if not path.is_file():
        return []
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=2.0)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if (table,) not in tables.fetchall():
            return []
        return connection.execute(f"SELECT {columns} FROM {table} {rest}", values).fetchall()
