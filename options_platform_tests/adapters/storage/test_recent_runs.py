"""The newest runs, from Dagster's database: their states and how long they took."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from options_platform.adapters.storage.recent_runs import Run, recent_runs
from options_platform.errors import DamagedError


def database(folder):
    path = folder / "history" / "runs.db"
    path.parent.mkdir()
    return path


def test_a_run_has_its_state_and_seconds_the_newest_first(tmp_path):
    with closing(sqlite3.connect(database(tmp_path))) as connection, connection:
        connection.execute(
            "CREATE TABLE runs (id INTEGER PRIMARY KEY, pipeline_name, run_id, status, "
            "start_time, end_time)"
        )
        connection.executemany(
            "INSERT INTO runs (pipeline_name, run_id, status, start_time, end_time) "
            "VALUES (?, ?, ?, ?, ?)",
            [("daily", "a", "FAILURE", 100.0, 107.5), ("daily", "b", "STARTED", 200.0, None),
             ("reporting", "c", "QUEUED", None, None)],
        )  # fmt: skip
    began = datetime.fromtimestamp(200.0, UTC)
    assert recent_runs(tmp_path, 2) == [
        Run("reporting", "c", "queued", None, None),
        Run("daily", "b", "started", began, None),
    ]
    assert recent_runs(tmp_path, 9)[-1].seconds == 7.5


def test_before_the_first_run_there_is_none_and_a_damaged_database_is_named(tmp_path):
    assert recent_runs(tmp_path, 9) == []
    database(tmp_path).write_text("no database" * 100)
    with pytest.raises(DamagedError, match=r"runs\.db"):
        recent_runs(tmp_path, 9)
