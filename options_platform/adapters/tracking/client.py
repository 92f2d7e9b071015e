"""MLflow's tracking store of a home, opened safely by several processes."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.errors import ModelStoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACTS = "mlartifacts"
NOTE_TAG = "mlflow.note.content"
"""Tag with the description of a run or an experiment, in Markdown."""


def open_client(home: Path) -> MlflowClient:
    """A client for `mlflow.db` in the home, which is created if it is missing.

    Raises :class:`ModelStoreError` if the file is locked or is not an MLflow store.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with one_at_a_time(home), clear_errors(home):
        client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
        client.search_experiments(max_results=1)
        _follow_home(home)
    return client


PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""The tables and columns in which MLflow stores absolute addresses of artifacts."""


def _follow_home(home: Path) -> None:
    """Update MLflow's addresses of artifacts after a home was moved, copied or restored."""
    root = artifacts_of(home)
    with closing(sqlite3.connect(home / "mlflow.db", timeout=30.0)) as database, database:
        rows = database.execute(
            "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE ?",
            [f"file://%/{ARTIFACTS}/%"],
        ).fetchall()
        roots = {place.rpartition(f"/{ARTIFACTS}/")[0] + f"/{ARTIFACTS}" for (place,) in rows}
        for former_root in roots - {root}:
            for table, columns in PLACES.items():
                for column in columns:
                    database.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE substr({column}, 1, ?) = ?",
                        [root, len(former_root) + 1, len(former_root) + 1, f"{former_root}/"],
                    )


def artifacts_of(home: Path) -> str:
    """The `file://` address of the home's folder of artifacts."""
    return (home.absolute() / ARTIFACTS).as_uri()


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Lock the store: two processes that create the database at once would both migrate it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def clear_errors(home: Path) -> Iterator[None]:
    """Turn errors of MLflow and its database into a :class:`ModelStoreError` with advice."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        first = str(error).strip().splitlines()[0]
        locked = "locked" in str(error)
        hint = (
            "another program uses it: close it and try again"
            if locked
            else "move it away (a new one is created) or restore a backup"
        )
        raise ModelStoreError(
            f"the MLflow store {home / 'mlflow.db'} failed, {first}; {hint}"
        ) from error
