"""Instances of DuckDB that outlive the files opened in them.

A file opened by an instance of its own waits for threads and catalogs to start, 10 ms of CPU, and a
run opens its files hundreds of times. To attach the file to an instance that is running takes 1 ms.
So the instance of each file waits for its next use, with the file detached: nothing of it stays in
memory, no lock is held, and its log is merged as if the instance had been closed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# DuckDB 1.5 has one class for many errors, so only the texts distinguish them. A word such as
# "lock" also occurs in "block" and in file names, so whole sentences are matched.
BUSY = re.compile(r"IO Error: Could not set lock on file ")
MOST_WAITING = 4
"""Files whose instances wait: a home has two that a run opens often."""

_guard = Lock()
_waiting: dict[Path, duckdb.DuckDBPyConnection] = {}
_of_parents: list[dict[Path, duckdb.DuckDBPyConnection]] = []


@dataclass(frozen=True)
class Opened:
    """An open file. `instance` is None if the file has one of its own, which ends with it."""

    path: Path
    connection: duckdb.DuckDBPyConnection
    instance: duckdb.DuckDBPyConnection | None

    def close(self, *, keep: bool) -> None:
        """Close the file; its instance waits for the next use if `keep`, and ends otherwise."""
        import duckdb

        if self.instance is None:
            self.connection.close()
            return
        if keep:
            try:
                self.connection.execute("USE memory")
                self.connection.execute(f"DETACH {_quoted(self.path.stem)}")
            except duckdb.Error:
                # As when a file is closed: what was committed is in its log.
                keep = False
        self.connection.close()
        if keep:
            _keep(self.path, self.instance)
        else:
            self.instance.close()


def open_file(path: Path) -> Opened:
    """Open a database to write. Raises as DuckDB does."""
    import duckdb

    instance = _take(path)
    if instance is None:
        # Where a file that is opened by itself has its temporary files.
        instance = duckdb.connect(config={"temp_directory": f"{path}.tmp"})
    connection = instance.cursor()
    address, name = str(path).replace("'", "''"), _quoted(path.stem)
    try:
        connection.execute(f"ATTACH '{address}' AS {name}")
        connection.execute(f"USE {name}")
    except duckdb.BinderException:
        # The file is open elsewhere in this process, or has the name of a catalog of DuckDB.
        instance.close()
        return Opened(path, duckdb.connect(str(path)), None)
    except duckdb.Error as error:
        if BUSY.match(str(error)):
            connection.close()
            _keep(path, instance)
        else:
            instance.close()
        raise
    return Opened(path, connection, instance)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _take(path: Path) -> duckdb.DuckDBPyConnection | None:
    with _guard:
        return _waiting.pop(path, None)


def _keep(path: Path, instance: duckdb.DuckDBPyConnection) -> None:
    ended = None
    with _guard:
        _waiting[path] = instance
        if len(_waiting) > MOST_WAITING:
            ended = _waiting.pop(next(iter(_waiting)))
    if ended is not None:
        ended.close()


def _leave_to_parent() -> None:
    """In a process that was forked, the threads of the parent's instances are missing."""
    global _guard, _waiting
    _of_parents.append(_waiting)
    _guard, _waiting = Lock(), {}


os.register_at_fork(after_in_child=_leave_to_parent)
