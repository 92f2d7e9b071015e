"""A small home with one of each kind of file, its archive, and its restored content."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import duckdb

from options_platform.adapters.storage.backups.archive import write_archive
from options_platform.adapters.storage.backups.restoring import restore_archive
from options_platform.adapters.storage.ledger import Ledger
from options_platform_tests.domain.trading.orders.test_orders import ORDER

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 9, 12, tzinfo=UTC)


def write_sqlite(path, rows):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS runs (n)")
        connection.executemany("INSERT INTO runs VALUES (?)", [(n,) for n in range(rows)])


def read_sqlite(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM runs").fetchone()[0]


def make_home(folder):
    """One of each kind of file, and an order in the ledger."""
    (folder / "dagster" / "history" / "runs").mkdir(parents=True)
    (folder / "chains" / "SPY").mkdir(parents=True)
    (folder / "locks").mkdir()
    (folder / "locks" / "x").write_text("")
    write_sqlite(folder / "mlflow.db", 3)
    write_sqlite(folder / "dagster" / "history" / "runs" / "index.db", 5)
    (folder / "chains" / "SPY" / "2024.parquet").write_bytes(random.Random(3).randbytes(50_000))
    with closing(duckdb.connect(str(folder / "warehouse.duckdb"))) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(1000)")
    Ledger(folder / "ledger.duckdb").record_intent(ORDER, NOW)
    return folder


def make_archive(home):
    path = home.with_name("backup.tar.gz")
    write_archive(home, path, wait_seconds=5, now=NOW)
    return path


def restore(archive, home, only=()):
    return restore_archive(
        archive, home, ledger="ledger.duckdb", only=only, now=LATER, wait_seconds=0.2
    )


def snapshot(folder):
    """Everything below `folder` except lock files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".lock"
    }


def beside(home):
    return sorted(path.name for path in home.parent.iterdir())
