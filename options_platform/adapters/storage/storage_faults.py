"""Recognises a full disk or a damaged file in the errors of any library.

Dagster and MLflow use SQLite databases, whose errors arrive wrapped in those of SQLAlchemy, Alembic
or Dagster. They become the platform's errors here, one line each. Other errors are not changed.
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
# A partial write: no space, a quota or a limit on file sizes.
SQLITE_SHORT_WRITES = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE,
     sqlite3.SQLITE_IOERR_SHMSIZE}
)  # fmt: skip


def storage_fault(error: BaseException, home: Path | str) -> PlatformError | None:
    """A damaged file or a full disk behind `error`, as the platform's error; None for other causes.

    The message names `home` if the error names no file.
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
    """As :func:`storage_fault`, from the text of an error."""
    if any(words in message for words in ("database or disk is full", "No space left on device")):
        return DiskFullError(home)
    if "database disk image is malformed" in message or "file is not a database" in message:
        return DamagedError(f"a database of Dagster or MLflow in {home}", message.strip())
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, the one it wraps (SQLAlchemy's `orig`), its causes and its contexts."""
    visited: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in visited:
            continue
        visited.add(id(cause))
        yield cause
        waiting += [getattr(cause, "orig", None), cause.__cause__, cause.__context__]


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
