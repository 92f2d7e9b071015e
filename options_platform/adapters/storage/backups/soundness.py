"""Checks the databases of a home for damage: each is opened, and read completely if asked.

Whether the rows make sense is checked in `services.market_data.diagnosis`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from options_platform.adapters.storage.backups.archive import recorded_backups
from options_platform.adapters.storage.duck import held
from options_platform.errors import DamagedError, PlatformError, WarehouseBusyError

if TYPE_CHECKING:
    import duckdb

BYTES = (
    "SELECT block_size * total_blocks, free_blocks FROM pragma_database_size() "
    "WHERE database_name = current_database()"
)
CUT_OFF = "it is damaged: its end is missing"
ALL_TABLES = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT temporary"
WITHOUT_BACKUP = {
    "warehouse": "without one, move it away and run: options-platform backfill",
    "ledger": "without one, move it away and close by hand what the broker holds: a new ledger "
    "knows of none of it",
    "simulated_broker": "without one, move it and the ledger away: both begin anew",
    "mlflow": "without one, move it away: models are trained again",
    "search": "without one, move it away: searches begin anew",
    "dagster": "without one, move the folder dagster away: the history of runs is lost, no data is",
}
SQLITE_HEADER = 100
LOG_ONLY = "or move {log} away, which loses what was written last, then: options-platform reconcile"


@dataclass(frozen=True)
class Database:
    """The state of one database.

    `part` is the entry of the home that it belongs to, `cause` the damage (None if sound). `busy`
    if another process uses it, so that its state is unknown. `replayed` if the log of a killed
    process was merged into it.
    """

    path: Path
    part: str
    cause: str | None = None
    busy: bool = False
    replayed: bool = False


def check_databases(home: Path, *, wait_seconds: float, deep: bool) -> Iterator[Database]:
    """The state of each DuckDB and SQLite database of the home, in the order of their names.

    `deep` reads every page; without it only the catalog is, and a file that is cut off is noticed.
    """
    for path in sorted(home.glob("*.duckdb")):
        has_log = path.with_name(f"{path.name}.wal").exists()
        try:
            cause = _duckdb_cause(path, wait_seconds, deep=deep)
        except WarehouseBusyError as error:
            yield Database(path, path.name, str(error), busy=True)
        else:
            yield Database(path, path.name, cause, replayed=has_log and cause is None)
    for path in sorted([*home.glob("*.db"), *home.glob("dagster/**/*.db")]):
        yield Database(path, path.relative_to(home).parts[0], _sqlite_cause(path, deep=deep))


def _duckdb_cause(path: Path, wait_seconds: float, *, deep: bool) -> str | None:
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with held(path, wait_seconds=wait_seconds) as connection:
            if deep:
                _read_all(connection)
            ((needed, free),) = connection.execute(BYTES).fetchall()
            if path.stat().st_size < needed and (free == 0 or not _is_readable(connection)):
                return CUT_OFF
    except DamagedError as error:
        return error.what
    except WarehouseBusyError:
        raise
    except PlatformError as error:
        return str(error)
    return None


def _read_all(connection: duckdb.DuckDBPyConnection) -> None:
    for schema, table in connection.execute(ALL_TABLES).fetchall():
        # A hash of whole rows reads every block, each of which has a checksum.
        connection.execute(f'SELECT bit_xor(hash(t)) FROM "{schema}"."{table}" AS t')


def _is_readable(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether every row can be read: a block that is free may lie beyond the end of the file."""
    import duckdb

    try:
        _read_all(connection)
    except duckdb.Error:
        return False
    return True


def _sqlite_cause(path: Path, *, deep: bool) -> str | None:
    """The result of SQLite's check; without checksums it cannot detect a changed value."""
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        # Not read-only, since the log of a killed process has to be merged first.
        address = f"file:{quote(str(path))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=5.0)) as connection:
            if not deep:
                return _shallow_cause(connection, path)
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return None if "locked" in str(error) else _one_line(str(error))
    except sqlite3.DatabaseError as error:
        return f"it is damaged: {_one_line(str(error))}"
    return None if result == "ok" else f"it is damaged: {_one_line(result)}"


def _shallow_cause(connection: sqlite3.Connection, path: Path) -> str | None:
    """Whether the catalog cannot be read, or the file ends before the pages that it counts."""
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with path.open("rb") as file:
        header = file.read(SQLITE_HEADER)
    stated = int.from_bytes(header[16:18])
    # Two bytes cannot hold the largest size, so 1 stands for it.
    page_bytes = stated if stated > 1 else 65536
    has_log = path.with_name(f"{path.name}-wal").exists()
    is_cut = path.stat().st_size < int.from_bytes(header[28:32]) * page_bytes
    return CUT_OFF if is_cut and not has_log else None


def _one_line(message: str) -> str:
    """The message on one line: SQLite quotes bytes that it cannot read, even line ends."""
    return " ".join("".join(char if char.isprintable() else " " for char in message).split())


def way_back(home: Path, database: Database) -> str:
    """Advice for a damaged database: restore the newest backup, or what to do without one."""
    backups = [(place, at) for place, at in recorded_backups(home) if place.is_file()]
    kind = next((name for name in WITHOUT_BACKUP if database.part.startswith(name)), "warehouse")
    if backups:
        place, at = backups[-1]
        advice = f"run: options-platform restore {place} --only {database.part} (of {at:%Y-%m-%d})"
    else:
        advice = (
            f"no backup of this home is known; with one, run: options-platform restore FILE --only "
            f"{database.part}; {WITHOUT_BACKUP[kind]}"
        )
    if kind == "ledger":
        advice += "; what was traded since is at the broker: options-platform reconcile"
    log = database.path.with_name(f"{database.path.name}.wal")
    if log.exists() and "WAL" in (database.cause or ""):
        advice += f"; {LOG_ONLY.format(log=log.name)}"
    return advice
