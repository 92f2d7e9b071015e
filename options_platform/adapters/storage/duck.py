"""Opens DuckDB files: briefly, exclusively, and with bounded retries.

Only one process at a time can open a DuckDB file to write. So each use is short, and a busy file is
waited for up to a limit. Readers of others, such as a notebook, are not waited for: they keep the
file as it is (:mod:`.readers`). Only this module interprets DuckDB's errors: busy, damaged, full.
"""

from __future__ import annotations

import glob
import itertools
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock, get_ident, local
from typing import TYPE_CHECKING

from options_platform.adapters.storage import readers
from options_platform.adapters.storage.duck_instances import BUSY, Opened, open_file
from options_platform.adapters.storage.processes import is_running
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
PATIENCE_SECONDS = 0.3
"""How long a file that others only read is waited for, before they are left the file."""

DAMAGED = re.compile(
    r"IO Error: (Corrupt (database|WAL) file"
    r"|Failure while replaying WAL file"
    r'|The file ".*" exists, but it is not a valid DuckDB database file'
    r"|Could not read enough bytes from file)"
    r"|Serialization Error: ",
    re.DOTALL,
)
FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large|Out of disk")

LEFT_BEHIND = re.compile(r"\.(?P<process>\d+)\.\d+\.new(\.wal)?")
"""How the names of databases end that a process is about to put in place."""

OLD_SECONDS = 60.0

_locks: dict[Path, RLock] = {}
_swept: set[Path] = set()
_open_now: dict[Path, duckdb.DuckDBPyConnection] = {}


class _OfThisThread(local):
    """The connections that a thread holds, by the absolute path that each was asked for by."""

    def __init__(self) -> None:
        self.held: dict[Path, duckdb.DuckDBPyConnection] = {}


_of_this_thread = _OfThisThread()


@contextmanager
def held(path: Path, *, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file at `path`, closed at the end of the block.

    Nested blocks of a thread share one connection, so that work of many steps can keep the file
    open.

    Raises :class:`WarehouseBusyError` if another process still uses the file after
    `wait_seconds`, :class:`DamagedError` and :class:`DiskFullError` at the start or within the
    block, and :class:`HomeError` if the file cannot be opened for another reason.
    """
    mine = held_by_thread(path)
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
        opened = _opened(path, wait_seconds, _open)
        _open_now[key] = opened.connection
        if path.is_absolute():
            _of_this_thread.held[path] = opened.connection
        is_sound = False
        try:
            with _faults_named(path):
                yield opened.connection
            is_sound = True
        finally:
            _of_this_thread.held.pop(path, None)
            del _open_now[key]
            # After an error the instance may be of no further use.
            opened.close(keep=is_sound)


def held_by_thread(path: Path) -> duckdb.DuckDBPyConnection | None:
    """The connection of a block of :func:`held` of this thread to a file, by its absolute path."""
    # To resolve a path anew costs more than most steps within a block that holds it.
    return _of_this_thread.held.get(path)


@contextmanager
def looked_at(path: Path, *, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that only reads the existing file at `path`, beside others that only read it.

    Within a block of :func:`held` of this thread it is that block's connection. Raises as
    :func:`held` does, and :class:`WarehouseBusyError` as well if another thread of this process
    holds the file for longer than `wait_seconds`.
    """
    key = path.resolve()
    with _locked(_locks.setdefault(key, RLock()), path, wait_seconds):
        if key in _open_now:
            yield _open_now[key]
            return
        opened = _opened(path, wait_seconds, _open_to_read)
        try:
            with _faults_named(path):
                yield opened.connection
        finally:
            opened.close(keep=False)


@contextmanager
def _locked(lock: RLock, path: Path, wait_seconds: float) -> Iterator[None]:
    if not lock.acquire(timeout=max(0.0, wait_seconds)):
        raise WarehouseBusyError(
            f"{path} is written by another thread of this process, and stayed so for "
            f"{wait_seconds:g} s; try again when that work has ended, or raise "
            "OPTIONS_WAREHOUSE_WAIT_SECONDS"
        )
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        fault = known_fault(path, error)
        if fault is None:
            raise
        raise fault from error


def is_held_here(path: Path) -> bool:
    """Whether a block of :func:`held` of this process has the file open."""
    return path.resolve() in _open_now


def _open_to_read(path: Path) -> Opened | None:
    import duckdb

    before = _inode(path)
    opened = Opened(path, duckdb.connect(str(path), read_only=True), None)
    if _inode(path) != before:
        opened.close(keep=False)
        return None
    return opened


def _opened(
    path: Path,
    wait_seconds: float,
    open_once: Callable[[Path], Opened | None],
) -> Opened:
    import duckdb

    started = time.monotonic()
    deadline, patient_until = started + wait_seconds, started + PATIENCE_SECONDS
    pause, is_last_try = FIRST_PAUSE_SECONDS, False
    while True:
        try:
            opened = open_once(path)
            if opened is not None:
                return opened
        except duckdb.Error as error:
            if BUSY.match(str(error)) is None:
                raise known_fault(path, error) or HomeError(
                    f"{path} cannot be opened ({_first_line(error)}); check the folder's "
                    "permissions and free space, or set OPTIONS_HOME to another folder"
                ) from error
            now = time.monotonic()
            is_late = now + pause > deadline
            is_only_read = readers.ONLY_READ.search(str(error)) is not None
            if is_only_read and not is_last_try and (is_late or now > patient_until):
                try:
                    _replaced_by(readers.leave_to_readers, path)
                except HomeError:
                    # While there is time, the reader may close the file.
                    if is_late:
                        raise
                patient_until, is_last_try = time.monotonic() + PATIENCE_SECONDS, is_late
                continue
            if is_late:
                raise WarehouseBusyError(
                    f"{path} is held by another process{_holder(error)} and stayed so for "
                    f"{wait_seconds:g} s; close it (a DuckDB shell?) and try again"
                ) from error
        # Jitter keeps waiting processes from retrying at the same time.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _open(path: Path) -> Opened | None:
    """The open file, or None if it was replaced at this moment. Raises as DuckDB does."""
    if readers.is_waiting(path):
        _replaced_by(readers.finish, path)
    if path not in _swept:
        _swept.add(path)
        _sweep(path)
    if not path.exists():
        _create(path)
    before = _inode(path)
    opened = open_file(path)
    if readers.is_waiting(path) or _inode(path) != before:
        opened.close(keep=True)
        return None
    return opened


def _inode(path: Path) -> tuple[int, ...] | None:
    # Opening a file that has a log changes its size and time.
    found = readers.identity(path)
    return None if found is None else found[:2]


def _replaced_by(step: Callable[[Path], None], path: Path) -> None:
    import duckdb

    try:
        step(path)
    except (OSError, duckdb.Error) as error:
        if BUSY.match(str(error)):
            raise
        if FULL.search(str(error)):
            raise DiskFullError(path) from error
        raise known_fault(path, error) or HomeError(
            f"{path} is read by another process, and no copy can take its place "
            f"({_first_line(error)}); close the reader (a notebook?) or make the folder writable"
        ) from error


def _create(path: Path) -> None:
    """Create an empty database atomically: a half-written one could never be opened."""
    import duckdb

    new = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.new")
    try:
        duckdb.connect(str(new)).close()
        # A link never replaces a file that another process has created meanwhile.
        with suppress(OSError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete empty databases that killed processes were about to put in place.

    Only old ones: a process of another container that shares the home looks dead from here.
    """
    before = time.time() - OLD_SECONDS
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        found = LEFT_BEHIND.fullmatch(left.name.removeprefix(f".{path.name}"))
        if found is None or is_running(int(found["process"])):
            continue
        with suppress(OSError):
            if left.stat().st_mtime < before:
                left.unlink()


def known_fault(path: Path, error: Exception) -> HomeError | None:
    """DamagedError or DiskFullError for an error of DuckDB; None for other errors."""
    text = str(error)
    if FULL.search(text):
        return DiskFullError(path)
    if DAMAGED.match(text):
        # The prefix "IO Error" says nothing that the sentence does not.
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
