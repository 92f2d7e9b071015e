"""Restores an archive of `backup`: verifies it first, swaps last, keeps the former files.

1. The archive is unpacked beside the home (inside it if the home is a mount point or only parts
   are restored), and each file is hashed. A wrong hash ends the restore.
2. Every ledger is left halted, because only the broker knows the trades since the backup.
3. The forward record is only ever lengthened: of the home's and the archive's the longer one is
   kept, unless neither continues the other.
4. The new files and the home exchange their names (:mod:`.swapping`; entry by entry inside a home);
   the former files stay under a name with the time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from options_platform.adapters.storage.backups.archive import (
    CHUNK,
    FORMAT,
    HASHES,
    MARK,
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    UNFINISHED,
)
from options_platform.adapters.storage.backups.forward_part import keep_longer
from options_platform.adapters.storage.backups.soundness import check_databases
from options_platform.adapters.storage.backups.swapping import (
    NEW,
    PLAN,
    alone,
    can_exchange,
    finish_swap,
    swap_entries,
    swap_home,
)
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger.halt_notice import leave_notice
from options_platform.adapters.storage.processes import is_running
from options_platform.adapters.storage.storage_faults import FULL_ERRNOS
from options_platform.domain.forward.links import FILE_NAME
from options_platform.errors import DiskFullError, HomeError, UsageError, WarehouseBusyError

NOTHING = "nothing was changed"
REPLAY = "ledger-replay.duckdb"


@dataclass(frozen=True)
class Restored:
    """Folder of the former files (None if there were none), halted ledgers, and the reason.

    `forward_note` says what was done about a forward record that differs from the archive's.
    """

    aside: Path | None
    halted: tuple[str, ...]
    reason: str
    forward_note: str | None = None


def restore_archive(
    archive: Path, home: Path, *, ledger: str, only: Sequence[str], now: datetime,
    wait_seconds: float,
) -> Restored:  # fmt: skip
    """Replace the home's files with those of the archive, or only those named in `only`.

    `ledger` is the file name of the settings' ledger; it is left halted, like the ledgers of the
    home and of the archive. `only` has names at the top of the home, such as `warehouse.duckdb`.

    Raises :class:`UsageError` for an incomplete or foreign archive, for a name in `only` that it
    does not have, and while another process uses the home; :class:`DiskFullError` or
    :class:`HomeError` if the files cannot be written. The home is then unchanged.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        parts = bool(only) or os.path.ismount(home)
        inside = parts or (home.exists() and not can_exchange(home.parent))
        if inside:
            home.mkdir(parents=True, exist_ok=True)
            finish_swap(home)
        with alone(home) if inside else nullcontext():
            return _restored(archive, home, inside, ledger, only, now, wait_seconds)
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFullError(home if home.exists() else home.parent) from error
        raise HomeError(f"{home} cannot be restored ({error}); {NOTHING}") from error


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsed restore has unpacked, and found whole: numbers of files and databases."""

    files: int
    databases: int


def rehearse_archive(archive: Path, home: Path, *, wait_seconds: float) -> Rehearsed:
    """Unpack the archive beside the home, read each of its databases, and remove all of it again.

    The home is not touched. Raises :class:`UsageError` for an archive that is incomplete, foreign
    or holds a database that cannot be read, :class:`DiskFullError` or :class:`HomeError` if there
    is no room for it.
    """
    staged = home.parent / f"{UNFINISHED}{home.name}-{os.getpid()}"
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(home.parent, home.name)
        staged.mkdir(mode=PRIVATE_FOLDER)
        unpack(archive, staged)
        databases = list(check_databases(staged, wait_seconds=wait_seconds, deep=True))
        for database in databases:
            if database.cause is not None:
                name = database.path.relative_to(staged)
                raise _refused(archive, f"holds {str(name)!r}, of which {database.cause}")
        files = sum(path.is_file() for path in staged.rglob("*"))
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFullError(home.parent) from error
        raise HomeError(f"{archive} cannot be unpacked beside {home} ({error})") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Rehearsed(files, len(databases))


def _restored(
    archive: Path, home: Path, inside: bool, ledger: str, only: Sequence[str], now: datetime,
    wait_seconds: float,
) -> Restored:  # fmt: skip
    place = home if inside else home.parent
    staged = place / f"{UNFINISHED}{home.name}-{os.getpid()}"
    files = staged / NEW if inside else staged
    swapping = False
    try:
        _remove_abandoned(place, home.name)
        staged.mkdir(mode=PRIVATE_FOLDER)
        files.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        unpack(archive, files)
        _keep_only(files, only, archive)
        reason = f"RESTORED from {archive.name}"
        # A ledger that is not in the archive starts empty, without the present one's positions.
        others = () if only else (ledger, *(path.name for path in home.glob("ledger*.duckdb")))
        halted = _leave_halts(files, others, reason, now)
        with _nobody_in(home, wait_seconds):
            note = keep_longer(files, home, whole=not only)
            os.sync()
            swapping = True
            if inside:
                aside: Path | None = swap_entries(staged, home, now, whole=not only)
            else:
                aside = swap_home(staged, home, now)
    finally:
        # An interrupted swap is finished or undone by its plan, so its files must stay.
        if not swapping or not (staged / PLAN).exists():
            shutil.rmtree(staged, ignore_errors=True)
    return Restored(aside, halted, reason, note)


def _remove_abandoned(place: Path, name: str) -> None:
    """Remove the unpacked files of killed restores that had not begun to swap."""
    start = f"{UNFINISHED}{name}-"
    for path in place.iterdir():
        pid = path.name.removeprefix(start)
        abandoned = path.name.startswith(start) and pid.isdigit() and not _is_others(int(pid))
        # With a plan, the folder may have files of the home itself.
        if abandoned and not (path / PLAN).exists():
            shutil.rmtree(path, ignore_errors=True)


def _is_others(process: int) -> bool:
    return process != os.getpid() and is_running(process)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into the empty `folder`; UsageError unless each file is as `backup` wrote it."""
    unpacked: dict[str, str] = {}
    recorded: dict[str, str] | None = None
    try:
        with archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                _require_mark(tar, archive)
                while (member := tar.next()) is not None:
                    if recorded is not None:
                        raise _refused(archive, f"goes on after its hashes, with {member.name!r}")
                    content = _content(tar, member, archive)
                    if member.name == HASHES:
                        recorded = dict(json.loads(content.read())["files"])
                    elif member.name in unpacked:
                        raise _refused(archive, f"holds {member.name!r} twice")
                    else:
                        unpacked[member.name] = _unpack_file(content, folder, member.name)
            # Reading to the end verifies the checksum of the compressed stream.
            while plain.read(CHUNK):
                pass
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise _refused(archive, f"is cut or damaged ({error})") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _refused(archive, f"is no archive of backup, or damaged ({error})") from error
    if recorded is None:
        raise _refused(archive, "is cut: its hashes, which come last, are missing")
    for name in sorted({*unpacked, *recorded}):
        if unpacked.get(name) != recorded.get(name):
            raise _refused(archive, f"does not hold {name!r} as it was written")


def _refused(archive: Path, what: str) -> UsageError:
    return UsageError(f"{archive} {what}; {NOTHING}; give an archive that backup wrote")


def _require_mark(tar: tarfile.TarFile, archive: Path) -> None:
    first = tar.next()
    if first is None or first.name != MARK:
        raise _refused(archive, "is no archive of backup")
    mark = json.loads(_content(tar, first, archive).read())
    if mark.get("format") != FORMAT:
        raise _refused(archive, f"is of another version ({mark.get('version')})")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path) -> IO[bytes]:
    """The member's content; UsageError unless it is a regular file with a path inside the home."""
    parts = PurePosixPath(member.name).parts
    plain = member.isreg() and parts and "/".join(parts) == member.name
    content = tar.extractfile(member) if plain else None
    if content is None or ".." in parts or "/" in parts or "\0" in member.name:
        raise _refused(archive, f"holds {member.name!r}, which no backup would")
    return content


def _unpack_file(content: IO[bytes], folder: Path, name: str) -> str:
    target = folder / name
    for parent in reversed(target.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    digest = hashlib.sha256()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        while data := content.read(CHUNK):
            digest.update(data)
            file.write(data)
    return digest.hexdigest()


def _keep_only(staged: Path, only: Sequence[str], archive: Path) -> None:
    names = {path.name for path in staged.iterdir()}
    for name in only:
        if name not in names:
            listed = ", ".join(sorted(names))
            raise UsageError(f"{archive} holds no {name!r}; it holds {listed}; {NOTHING}")
    for name in names - set(only) if only else ():
        path = staged / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _leave_halts(
    staged: Path, others: Sequence[str], reason: str, now: datetime
) -> tuple[str, ...]:
    """Leave a notice of a halt beside each ledger; opening the ledger records it."""
    names = {path.name for path in staged.glob("ledger*.duckdb")} | set(others)
    names.discard(REPLAY)
    for name in names:
        if not (staged / f"{name}.halt").exists():
            leave_notice(staged / name, reason, now)
    return tuple(sorted(names))


@contextmanager
def _nobody_in(home: Path, wait_seconds: float) -> Iterator[None]:
    """Lock the ledgers against trading and the forward record against new links; UsageError while
    another process uses a database."""
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        record = home / FILE_NAME
        if record.is_file():
            try:
                stack.enter_context(FileLock(f"{record}.lock", timeout=wait_seconds))
            except Timeout as error:
                raise UsageError(
                    f"{FILE_NAME} is written by another process; let it end; {NOTHING}"
                ) from error
        for path in sorted(home.glob("*.duckdb")) if home.is_dir() else ():
            try:
                if path.name.startswith("ledger"):
                    stack.enter_context(FileLock(f"{path}.lock", timeout=wait_seconds))
                # A damaged file must not prevent its restore.
                with suppress(HomeError), held(path, wait_seconds=wait_seconds):
                    pass
            except (WarehouseBusyError, Timeout) as error:
                raise UsageError(
                    f"{path.name} is used by another process ({error}); stop what uses the home, "
                    f"the web UI too; {NOTHING}"
                ) from error
        yield
