"""Writes the archive of `backup`: a compressed tar with the home's files and a hash of each.

The first member identifies the format, so that other archives are refused before unpacking; the
last one has the hashes, so that a truncated archive has none. Databases are copied in a consistent
state, between two transactions. Restoring belongs to :mod:`.restoring`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from options_platform import __version__
from options_platform.adapters.storage.duck import held
from options_platform.errors import DamagedError
from options_platform.settings.loading import FILE_NAME

MARK, HASHES = "options-platform-backup.json", "options-platform-hashes.json"
FORMAT = 1
RECORD = "backups.json"
SETTINGS = FILE_NAME
MOST_RECORDED = 20
# Not in a backup: files that can be created again, and former files set aside by a restore.
NOT_KEPT = frozenset({"cache", "locks", "published", RECORD})
SET_ASIDE, UNFINISHED = "before-", ".restoring-"
PASSING = (SET_ASIDE, UNFINISHED, "replay-")
# Logs of databases, whose content is in the copy of the database.
NOT_KEPT_ENDINGS = (".wal", ".lock", ".db-wal", ".db-shm", ".db-journal", ".new")
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
CHUNK = 1 << 20


def write_archive(
    home: Path,
    archive: Path,
    *,
    wait_seconds: float,
    now: datetime,
    settings_file: Path | None = None,
) -> None:
    """Write the home to `archive`, readable only by its owner; replaces a file of that name.

    The `settings_file`, if there is one, is kept with it: without its tickers and its broker the
    home of a lost machine would be of little use.

    Raises :class:`WarehouseBusyError` for a database that another process uses,
    :class:`DamagedError` for one that cannot be read, and OSError; `archive` is then unchanged.
    """
    new = archive.with_name(f"{archive.name}.{os.getpid()}.new")
    try:
        with _private(new) as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=3) as tar:
                _write(tar, home, new.with_suffix(".copy"), wait_seconds, now, settings_file)
            raw.flush()
            os.fsync(raw.fileno())
        new.replace(archive)
    finally:
        new.unlink(missing_ok=True)
    record_backup(home, archive, now)


def _private(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    return os.fdopen(descriptor, "wb")


def _write(
    tar: tarfile.TarFile,
    home: Path,
    copy: Path,
    wait_seconds: float,
    now: datetime,
    settings_file: Path | None,
) -> None:
    hashes: dict[str, str] = {}
    _add_text(tar, MARK, {"format": FORMAT, "version": __version__, "made_at": now.isoformat()})
    if settings_file is not None and settings_file.is_file():
        # One that lies in the home itself, as after a restore, may be older: this one is in use.
        hashes[SETTINGS] = _add_file(tar, settings_file, SETTINGS)
    trading = sorted([*home.glob("ledger*.duckdb"), *home.glob("simulated_broker*.duckdb")])
    with ExitStack() as stack:
        # Copies ledger and simulated broker at the same moment.
        for path in trading:
            stack.enter_context(_quiet(path, wait_seconds))
        for path in trading:
            hashes[path.name] = _add_file(tar, path, path.name)
    for path, name in kept_files(home):
        if name in hashes:
            continue
        if path.suffix == ".duckdb":
            with _quiet(path, wait_seconds):
                hashes[name] = _add_file(tar, path, name)
        elif path.suffix == ".db":
            try:
                _copy_sqlite(path, copy)
                hashes[name] = _add_file(tar, copy, name)
            finally:
                copy.unlink(missing_ok=True)
        else:
            hashes[name] = _add_file(tar, path, name)
    _add_text(tar, HASHES, {"files": hashes})


def kept_files(home: Path) -> Iterator[tuple[Path, str]]:
    """The files of a backup and their names in the archive; linked folders are followed."""
    visited: set[Path] = set()
    for folder, folders, names in os.walk(home, followlinks=True):
        at = Path(folder)
        top = at == home
        folders[:] = sorted(
            name
            for name in folders
            if not (top and (name in NOT_KEPT or name.startswith(PASSING)))
            and (at / name).resolve() not in visited
        )
        visited |= {(at / name).resolve() for name in folders}
        for name in sorted(names):
            path = at / name
            if (top and name in NOT_KEPT) or name.endswith(NOT_KEPT_ENDINGS):
                continue
            if path.is_file():
                yield path, path.relative_to(home).as_posix()


@contextmanager
def _quiet(path: Path, wait_seconds: float) -> Iterator[None]:
    """Keep a DuckDB file open, with its log merged into it; DamagedError if it is empty."""
    if path.stat().st_size == 0:
        raise DamagedError(path, "it is empty")
    with held(path, wait_seconds=wait_seconds) as connection:
        connection.execute("CHECKPOINT")
        yield


def _copy_sqlite(path: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    _private(copy).close()
    try:
        with (
            closing(sqlite3.connect(path, timeout=30.0)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.DatabaseError as error:
        raise DamagedError(path, str(error)) from error


class _Hashed(io.RawIOBase):
    """A file that is read once, with the hash of the bytes read."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.digest = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self.source.read(size)
        self.digest.update(data)
        return data


def _add_file(tar: tarfile.TarFile, path: Path, name: str) -> str:
    """Add the file at its present size, since a log may grow meanwhile; returns its SHA-256."""
    with path.open("rb") as source:
        stat = os.fstat(source.fileno())
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = stat.st_size, int(stat.st_mtime), PRIVATE_FILE
        hashed = _Hashed(source)
        tar.addfile(member, hashed)
    return hashed.digest.hexdigest()


def _add_text(tar: tarfile.TarFile, name: str, values: dict[str, Any]) -> None:
    data = json.dumps(values, indent=1).encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), PRIVATE_FILE
    tar.addfile(member, io.BytesIO(data))


def record_backup(home: Path, archive: Path, made_at: datetime) -> None:
    """Store in the home where its backup is, so that `doctor` can name it."""
    kept = [entry for entry in recorded_backups(home) if entry[0] != archive.resolve()]
    kept = [*kept, (archive.resolve(), made_at)][-MOST_RECORDED:]
    path = home / RECORD
    new = path.with_name(f"{RECORD}.{os.getpid()}.new")
    with _private(new) as raw:
        entries = [{"archive": str(place), "made_at": at.isoformat()} for place, at in kept]
        raw.write(json.dumps(entries, indent=1).encode())
    new.replace(path)


def recorded_backups(home: Path) -> list[tuple[Path, datetime]]:
    """Recorded archives of this home with their times, oldest first; they may no longer exist."""
    try:
        entries = json.loads((home / RECORD).read_text(encoding="utf-8"))
        return [(Path(e["archive"]), datetime.fromisoformat(e["made_at"])) for e in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []
