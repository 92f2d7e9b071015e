"""Are the databases of a home sound? Each is opened and read to its last row.

What does not belong here: what the rows mean (:mod:`.diagnosis`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from options_platform.adapters.storage.backups.archive import recorded_backups
from options_platform.adapters.storage.duck import held
from options_platform.errors import DamagedError, PlatformError, WarehouseBusyError

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
LOG_ONLY = "or move {log} away, which loses what was written last, then: options-platform reconcile"


@dataclass(frozen=True)
class Database:
    """One database: `part` is the entry of the home that it belongs to, `cause` what is wrong.

    `busy` if another process held it, so that nothing is known. `replayed` if a process that was
    killed had left its log, which is taken in now.
    """

    path: Path
    part: str
    cause: str | None = None
    busy: bool = False
    replayed: bool = False


def check_databases(home: Path, *, wait_seconds: float) -> Iterator[Database]:
    """The state of each DuckDB and SQLite database of the home, in the order of their names."""
    for path in sorted(home.glob("*.duckdb")):
        left_log = path.with_name(f"{path.name}.wal").exists()
        try:
            cause = _duckdb_cause(path, wait_seconds)
        except WarehouseBusyError as error:
            yield Database(path, path.name, str(error), busy=True)
        else:
            yield Database(path, path.name, cause, replayed=left_log and cause is None)
    for path in sorted([*home.glob("*.db"), *home.glob("dagster/**/*.db")]):
        yield Database(path, path.relative_to(home).parts[0], _sqlite_cause(path))


def _duckdb_cause(path: Path, wait_seconds: float) -> str | None:
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with held(path, wait_seconds=wait_seconds) as connection:
            for schema, table in connection.execute(ALL_TABLES).fetchall():
                # A hash of whole rows reads every block, each of which has a checksum.
                connection.execute(f'SELECT bit_xor(hash(t)) FROM "{schema}"."{table}" AS t')
    except DamagedError as error:
        return error.what
    except WarehouseBusyError:
        raise
    except PlatformError as error:
        return str(error)
    return None


def _sqlite_cause(path: Path) -> str | None:
    """What SQLite's own check says; it has no checksums, so a changed value is no fault."""
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        # Not read-only: a log that a killed process left has to be taken in first.
        address = f"file:{quote(str(path))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=5.0)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return None if "locked" in str(error) else _in_a_line(str(error))
    except sqlite3.DatabaseError as error:
        return f"it is damaged: {_in_a_line(str(error))}"
    return None if said == "ok" else f"it is damaged: {_in_a_line(said)}"


def _in_a_line(said: str) -> str:
    """SQLite quotes what it cannot read, such as line ends and control characters of its own."""
    return " ".join("".join(char if char.isprintable() else " " for char in said).split())


def way_back(home: Path, database: Database) -> str:
    """What to do about a damaged database: the newest backup there is, or what else is left."""
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
