"""What a full disk and a damaged file look like, whoever met them first.

Dagster and MLflow keep SQLite databases of their own, and their errors arrive wrapped in those of
SQLAlchemy, Alembic or Dagster. Here they become the platform's own, one line each. A bug stays
what it is.
"""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from options_platform.errors import DamagedError, DiskFullError, PlatformError

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Primary codes of https://www.sqlite.org/rescode.html, in the low byte of the extended ones.
SQLITE_FULL, SQLITE_CORRUPT, SQLITE_NOT_A_DATABASE = 13, 11, 26
# A write that the system took in part: no space, a quota or a limit on file sizes.
SQLITE_SHORT_WRITES = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE,
     sqlite3.SQLITE_IOERR_SHMSIZE}
)  # fmt: skip


def storage_fault(error: BaseException, home: Path | str) -> PlatformError | None:
    """`error`, or what it was raised from, as damage or a full disk; None for anything else.

    `home` is named where the error does not say which file it is about.
    """
    for cause in _causes(error):
        if isinstance(cause, DamagedError | DiskFullError):
            return cause
        if isinstance(cause, OSError) and cause.errno in FULL_ERRNOS:
            return DiskFullError(cause.filename or home)
        if isinstance(cause, sqlite3.Error):
            fault = _of_sqlite(cause, home)
        else:
            fault = _of_duckdb(cause, home)
        if fault is not None:
            return fault
    return None


def fault_in_words(message: str, home: Path | str) -> PlatformError | None:
    """As :func:`storage_fault`, for an error of which a run kept the words alone."""
    if any(words in message for words in ("database or disk is full", "No space left on device")):
        return DiskFullError(home)
    if "database disk image is malformed" in message or "file is not a database" in message:
        return DamagedError(f"a database of Dagster or MLflow in {home}", message.strip())
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it wraps (SQLAlchemy's `orig`), and what it was raised from or during."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "orig", None), one.__cause__, one.__context__]


def _of_sqlite(error: sqlite3.Error, home: Path | str) -> PlatformError | None:
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == SQLITE_FULL or code in SQLITE_SHORT_WRITES:
        return DiskFullError(home)
    if code & 0xFF in (SQLITE_CORRUPT, SQLITE_NOT_A_DATABASE):
        return DamagedError(f"a database of Dagster or MLflow in {home}", str(error))
    return None


def _of_duckdb(error: BaseException, home: Path | str) -> PlatformError | None:
    duckdb = sys.modules.get("duckdb")
    if duckdb is None or not isinstance(error, duckdb.Error):
        return None
    from options_platform.adapters.storage.duck import known_fault

    return known_fault(Path(home), error)
