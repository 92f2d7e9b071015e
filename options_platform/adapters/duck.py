"""One way to hold a DuckDB file: briefly, alone, with bounded retries.

One process at a time can open a DuckDB file, readers included, so every visit is short and a
busy file is waited for, but not for ever.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from options_platform.errors import HomeError, WarehouseBusyError

if TYPE_CHECKING:
    import duckdb

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5

_locks: dict[Path, RLock] = {}
_open_now: dict[Path, duckdb.DuckDBPyConnection] = {}


@contextmanager
def held(path: Path, *, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file at `path`, closed at the end.

    Inside a block that holds the file already, the same connection: work of many steps can hold
    it once.

    Raises :class:`WarehouseBusyError` if another process still holds the file after
    `wait_seconds`, :class:`HomeError` if the file cannot be opened at all.
    """
    # DuckDB shares one instance between the connections of a process; the lock keeps a thread
    # from closing the file while another is inside its transaction.
    key = path.resolve()
    with _locks.setdefault(key, RLock()):
        if key in _open_now:
            yield _open_now[key]
            return
        connection = _open(path, wait_seconds)
        _open_now[key] = connection
        try:
            yield connection
        finally:
            del _open_now[key]
            connection.close()


def _open(path: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    import duckdb

    deadline = time.monotonic() + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise HomeError(
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


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _holder(error: Exception) -> str:
    text = str(error)
    at = text.find("PID ")
    if at < 0:
        return ""
    number = "".join(itertools.takewhile(str.isdigit, text[at + 4 :].lstrip()))
    return f" (process {number})"
