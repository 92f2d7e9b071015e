"""One way to hold a DuckDB file: briefly, alone, with bounded retries.

One process at a time can open a DuckDB file, readers included, so every visit is short and a
busy file is waited for, but not for ever. What DuckDB says is read here alone: busy, damaged, full.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock, get_ident, local
from typing import TYPE_CHECKING

from options_platform.errors import (
    DamagedError,
    DiskFullError,
    HomeError,
    WarehouseBusyError,
)

if TYPE_CHECKING:
    import duckdb

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
# DuckDB 1.5 has one class for all of these, so its words have to tell them apart. A word such as
# "lock" also stands in "block" and in file names, so only the sentences of its own count.
BUSY = re.compile(r"IO Error: Could not set lock on file ")
DAMAGED = re.compile(
    r"IO Error: (Corrupt (database|WAL) file"
    r"|Failure while replaying WAL file"
    r'|The file ".*" exists, but it is not a valid DuckDB database file'
    r"|Could not read enough bytes from file)"
    r"|Serialization Error: ",
    re.DOTALL,
)
FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large|Out of disk")

_locks: dict[Path, RLock] = {}
_open_now: dict[Path, duckdb.DuckDBPyConnection] = {}


class _OfThisThread(local):
    """The connections that a thread holds, by the absolute path that each was asked for by."""

    def __init__(self) -> None:
        self.held: dict[Path, duckdb.DuckDBPyConnection] = {}


_of_this_thread = _OfThisThread()


@contextmanager
def held(path: Path, *, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file at `path`, closed at the end.

    Inside a block that holds the file already, the same connection: work of many steps can hold
    it once.

    Raises :class:`WarehouseBusyError` if another process still holds the file after
    `wait_seconds`, :class:`DamagedError` and :class:`DiskFullError` for what they say, whether it
    shows at once or in the middle of the work, and :class:`HomeError` if the file cannot be opened
    for another reason.
    """
    import duckdb

    # To resolve a path anew costs more than most steps within a block that holds it.
    mine = _of_this_thread.held.get(path)
    if mine is not None:
        yield mine
        return
    # DuckDB shares one instance between the connections of a process; the lock keeps a thread
    # from closing the file while another is inside its transaction.
    key = path.resolve()
    with _locks.setdefault(key, RLock()):
        if key in _open_now:
            yield _open_now[key]
            return
        connection = _open(path, wait_seconds)
        _open_now[key] = connection
        if path.is_absolute():
            _of_this_thread.held[path] = connection
        try:
            yield connection
        except duckdb.Error as error:
            known = known_fault(path, error)
            if known is None:
                raise
            raise known from error
        finally:
            _of_this_thread.held.pop(path, None)
            del _open_now[key]
            connection.close()


def _open(path: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    import duckdb

    deadline = time.monotonic() + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            if not path.exists():
                _create(path)
            return duckdb.connect(str(path))
        except duckdb.Error as error:
            if BUSY.match(str(error)) is None:
                raise known_fault(path, error) or HomeError(
                    f"{path} cannot be opened ({_first_line(error)}); check the folder's "
                    "permissions and free space, or set OPTIONS_HOME to another folder"
                ) from error
            if time.monotonic() + pause > deadline:
                raise WarehouseBusyError(
                    f"{path} is held by another process{_holder(error)} and stayed so for "
                    f"{wait_seconds:g} s; close it (a notebook, a DuckDB shell?) and try again"
                ) from error
        # Jitter keeps several waiting processes from knocking in step.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _create(path: Path) -> None:
    """Make an empty database whole or not at all: half of one would never open again."""
    import duckdb

    new = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.new")
    try:
        duckdb.connect(str(new)).close()
        # A link never replaces what another process has made meanwhile.
        with suppress(OSError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def known_fault(path: Path, error: Exception) -> HomeError | None:
    """The error as damage or a full disk; None for any other."""
    text = str(error)
    if FULL.search(text):
        return DiskFullError(path)
    if DAMAGED.match(text):
        # A file name in the middle of the sentence is not what is wrong.
        return DamagedError(path, _first_line(error).removeprefix("IO Error: "))
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _holder(error: Exception) -> str:
    text = str(error)
    at = text.find("PID ")
    if at < 0:
        return ""
    number = "".join(itertools.takewhile(str.isdigit, text[at + 4 :].lstrip()))
    return f" (process {number})"
