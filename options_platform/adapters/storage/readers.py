"""Keeps readers from delaying writers: a database that others read is replaced by its copy.

While another process has a DuckDB file open to read, nobody can open it to write. So the writer
puts a copy in the file's place and opens that; who reads goes on in the former file, as it was when
it was opened, until closing it. Whoever writes holds the file alone and is never replaced.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# DuckDB says so of a file that others only read.
ONLY_READ = re.compile(r"you would be able to open this database in read-only mode")
PREPARED = ".copied.new"
LONGEST_SECONDS = 30.0
# A process of its own: closing any descriptor of a file ends all POSIX locks of the process on it.
COPY = """
import os, shutil, sys
for source, target in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        shutil.copyfile(source, target)
        with open(target, "rb+") as copied:
            os.fsync(copied.fileno())
    except OSError as error:
        sys.exit(error.errno)
"""


def leave_to_readers(path: Path) -> None:
    """Put a copy in the place of the database at `path`, unless another process may write to it.

    Nothing that was committed is lost: the file cannot change while it is read, and a kill at any
    moment leaves the former file or the copy. Raises OSError where the copy cannot be written, and
    as DuckDB does where a log that a killed process left cannot be merged into it.
    """
    import duckdb

    path = path.resolve()
    read = identity(path)
    with _alone(path):
        _finish(path)
        if identity(path) != read or any(path.parent.glob(f"{glob.escape(path.name)}.wal.*")):
            # Another process has replaced it meanwhile, or was killed while it merged the log.
            return
        try:
            # Keeps every writer out until the copy is in its place.
            reading = duckdb.connect(str(path), read_only=True)
        except duckdb.Error:
            # It is written to by now, or damaged: opening it to write will tell.
            return
        try:
            _prepare(path)
            _finish(path)
        finally:
            reading.close()


def is_waiting(path: Path) -> bool:
    """Whether a copy waits for the place of the file at `path`, since its process was killed."""
    return _prepared(path.resolve()).exists()


def finish(path: Path) -> None:
    """Put a waiting copy in the place of the file at `path`.

    Raises OSError, and as DuckDB does while another process may write to the file.
    """
    import duckdb

    path = path.resolve()
    with _alone(path), suppress(FileNotFoundError):
        if not path.exists():
            _discard(path)
            return
        with duckdb.connect(str(path), read_only=True):
            _finish(path)


def identity(path: Path) -> tuple[int, ...] | None:
    """Which file lies at `path`, in which state; None without one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _finish(path: Path) -> None:
    prepared = _prepared(path)
    if not prepared.exists():
        return
    log = _log(path)
    of_file, of_log = json.loads(_note(path).read_text())
    if [*(identity(path) or ())] != of_file or [*(identity(log) or of_log)] != of_log:
        # The file has been written to, restored or exchanged since it was copied.
        _discard(path)
        return
    # The copy holds the content of the log, which must not be replayed on it again.
    log.unlink(missing_ok=True)
    prepared.replace(path)


def _discard(path: Path) -> None:
    _prepared(path).unlink(missing_ok=True)


def _prepare(path: Path) -> None:
    # Named by its process: that of a killed one may still be written to.
    copied = path.with_name(f".{path.name}.{os.getpid()}.copying.new")
    log = _log(path)
    files = [(path, copied)]
    # A killed process left it; whoever reads has replayed it in memory alone.
    if log.exists():
        files.append((log, _log(copied)))
    try:
        _copy(files)
        if len(files) > 1:
            _merge_log(copied)
        owner = path.stat()
        shutil.copymode(path, copied)
        os.chown(copied, owner.st_uid, owner.st_gid)
        if len(files) == 1:
            # The same content, and so the same state, see `changes.state_of`.
            os.utime(copied, ns=(owner.st_atime_ns, owner.st_mtime_ns))
        _note(path).write_text(json.dumps([identity(path), identity(log) or []]))
        copied.replace(_prepared(path))
    finally:
        for file in path.parent.glob(f".{glob.escape(path.name)}.*.copying.new*"):
            file.unlink(missing_ok=True)


def _merge_log(path: Path) -> None:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        # Closing would merge it too, but hides a failure.
        connection.execute("CHECKPOINT")
    if _log(path).exists():
        raise OSError(errno.EIO, "the log of a killed process could not be merged", str(path))


def _copy(files: Sequence[tuple[Path, Path]]) -> None:
    names = [str(file) for pair in files for file in pair]
    command = [sys.executable, "-c", COPY, *names]
    code = subprocess.run(command, check=False).returncode  # noqa: S603
    if code:
        raise OSError(code, os.strerror(abs(code)), names[1])


def _prepared(path: Path) -> Path:
    return path.with_name(f"{path.name}{PREPARED}")


def _note(path: Path) -> Path:
    """States of the file and its log that the waiting copy is of."""
    return path.parent / "locks" / f"{path.name}.copied.json"


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time replaces the file; the others wait for it."""
    from filelock import FileLock, Timeout

    lock = path.parent / "locks" / f"{path.name}.lock"
    lock.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        with FileLock(lock, timeout=LONGEST_SECONDS, mode=0o600):
            yield
    except Timeout as error:
        raise OSError(
            errno.EBUSY, "another process has replaced it for too long", str(path)
        ) from error
