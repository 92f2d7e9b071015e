"""Putting an archive of `backup` back: verified first, swapped last, the old files kept.

1. The archive is unpacked beside the home (inside it, where the home is a mount of its own or only
   parts are wanted), each file hashed on the way. Anything that does not agree ends here.
2. Every ledger among them is left halted: what was traded since is at the broker alone.
3. One exchange of names puts the new files in place; the old ones stay under a name with the time.
"""

from __future__ import annotations

import ctypes
import errno
import gzip
import hashlib
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from options_platform.adapters.archive import (
    CHUNK,
    FORMAT,
    HASHES,
    MARK,
    NOT_KEPT,
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    RECORD,
    SET_ASIDE,
    UNFINISHED,
)
from options_platform.adapters.duck import held
from options_platform.adapters.halt_notice import leave_notice
from options_platform.adapters.storage_faults import FULL_ERRNOS
from options_platform.errors import DiskFullError, HomeError, UsageError, WarehouseBusyError

NOTHING = "nothing was changed"
AT_FDCWD, RENAME_EXCHANGE = -100, 2
# What a database leaves beside itself, which belongs to the file that it was beside.
COMPANIONS = (".wal", "-wal", "-shm", "-journal")
REPLAY = "ledger-replay.duckdb"


@dataclass(frozen=True)
class Restored:
    """Where the files of before are now (None if there were none), and the ledgers left halted."""

    aside: Path | None
    halted: tuple[str, ...]
    reason: str


def restore_archive(
    archive: Path, home: Path, *, ledger: str, only: Sequence[str], now: datetime,
    wait_seconds: float,
) -> Restored:  # fmt: skip
    """Put the archive's files, or those of `only`, in place of the home's.

    `ledger` is the file name of the settings' ledger, which is left halted with those of the home
    and of the archive; `only` are names at the top of the home, such as `warehouse.duckdb`.

    Raises :class:`UsageError` for what is no whole archive of `backup`, or lacks what is wanted,
    or while another process uses the home; :class:`HomeError` if the files cannot be written. The
    home is then as before.
    """
    inside = bool(only) or os.path.ismount(home)
    place = home if inside else home.parent
    staged = place / f"{UNFINISHED}{home.name}-{os.getpid()}"
    swapping = False
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not inside:
            _remove_abandoned(place, home.name)
        staged.mkdir(mode=PRIVATE_FOLDER)
        unpack(archive, staged)
        _keep_only(staged, only, archive)
        reason = f"RESTORED from {archive.name}"
        # Those that the archive lacks begin anew, and know of nothing that the present ones do.
        others = () if only else (ledger, *(path.name for path in home.glob("ledger*.duckdb")))
        halted = _leave_halts(staged, others, reason, now)
        with _nobody_in(home, wait_seconds):
            os.sync()
            swapping = True
            if inside:
                aside: Path | None = _swap_entries(staged, home, now, whole=not only)
            else:
                aside = _swap_home(staged, home, now)
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFullError(place) from error
        raise HomeError(f"{home} cannot be restored ({error}); {NOTHING}") from error
    finally:
        # While names change hands, only those who change them know what lies there.
        if not swapping:
            shutil.rmtree(staged, ignore_errors=True)
    return Restored(aside, halted, reason)


def _remove_abandoned(place: Path, name: str) -> None:
    """Remove what restores that were killed had unpacked beside the home.

    One inside a home may hold the home's own files by now, so that is left to a person.
    """
    start = f"{UNFINISHED}{name}-"
    for path in place.iterdir():
        number = path.name.removeprefix(start)
        if path.name.startswith(start) and number.isdigit() and not _runs(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into the empty `folder`; UsageError unless each file is what `backup` put in."""
    found: dict[str, str] = {}
    wanted: dict[str, str] | None = None
    try:
        with archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                _require_mark(tar, archive)
                while (member := tar.next()) is not None:
                    if wanted is not None:
                        raise _refused(archive, f"goes on after its hashes, with {member.name!r}")
                    content = _content(tar, member, archive)
                    if member.name == HASHES:
                        wanted = dict(json.loads(content.read())["files"])
                    elif member.name in found:
                        raise _refused(archive, f"holds {member.name!r} twice")
                    else:
                        found[member.name] = _unpack_file(content, folder, member.name)
            # The end of the compressed stream has a check of its own.
            while plain.read(CHUNK):
                pass
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise _refused(archive, f"is cut or damaged ({error})") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _refused(archive, f"is no archive of backup, or damaged ({error})") from error
    if wanted is None:
        raise _refused(archive, "is cut: its hashes, which come last, are missing")
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
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
    """The member's content; UsageError unless it is a plain file inside the home."""
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
    held_names = {path.name for path in staged.iterdir()}
    for name in only:
        if name not in held_names:
            listed = ", ".join(sorted(held_names))
            raise UsageError(f"{archive} holds no {name!r}; it holds {listed}; {NOTHING}")
    for name in held_names - set(only) if only else ():
        path = staged / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _leave_halts(
    staged: Path, others: Sequence[str], reason: str, now: datetime
) -> tuple[str, ...]:
    """A notice of a halt beside each ledger, which the next look at it records."""
    names = {path.name for path in staged.glob("ledger*.duckdb")} | set(others)
    names.discard(REPLAY)
    for name in names:
        if not (staged / f"{name}.halt").exists():
            leave_notice(staged / name, reason, now)
    return tuple(sorted(names))


@contextmanager
def _nobody_in(home: Path, wait_seconds: float) -> Iterator[None]:
    """UsageError while another process uses a database of the home; none trades until the end."""
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        for path in sorted(home.glob("*.duckdb")) if home.is_dir() else ():
            try:
                if path.name.startswith("ledger"):
                    stack.enter_context(FileLock(f"{path}.lock", timeout=wait_seconds))
                # A damaged file is what a restore is for.
                with suppress(HomeError), held(path, wait_seconds=wait_seconds):
                    pass
            except (WarehouseBusyError, Timeout) as error:
                raise UsageError(
                    f"{path.name} is used by another process ({error}); stop what uses the home, "
                    f"the web UI too; {NOTHING}"
                ) from error
        yield


def _swap_home(staged: Path, home: Path, now: datetime) -> Path | None:
    """The whole home in one step."""
    if not home.exists():
        staged.rename(home)
        return None
    if (home / RECORD).exists():
        shutil.copy2(home / RECORD, staged / RECORD)
    aside = home.with_name(f"{home.name}.{SET_ASIDE}{now:%Y%m%dT%H%M%S}")
    staged.rename(aside)
    try:
        exchange(aside, home)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def _swap_entries(staged: Path, home: Path, now: datetime, *, whole: bool) -> Path:
    """Entry by entry inside the home; what was done is undone if one cannot be."""
    names = {path.name for path in staged.iterdir()}
    leaving = {f"{name}{end}" for name in names for end in COMPANIONS}
    if whole:
        leaving |= {path.name for path in home.iterdir() if not _stays(path.name)} - names
    undo: list[Callable[[], object]] = []
    try:
        for name in sorted(leaving):
            if (home / name).exists():
                (home / name).rename(staged / name)
                undo.append(partial((staged / name).rename, home / name))
        for name in sorted(names):
            new, old = staged / name, home / name
            if old.exists():
                exchange(new, old)
                undo.append(partial(exchange, new, old))
            else:
                new.rename(old)
                undo.append(partial(old.rename, new))
        aside = home / f"{SET_ASIDE}{now:%Y%m%dT%H%M%S}"
        staged.rename(aside)
    except BaseException:
        for step in reversed(undo):
            step()
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return aside


def _stays(name: str) -> bool:
    """Whether an entry of the home is no part of what a backup holds."""
    return name in NOT_KEPT or name.startswith((SET_ASIDE, UNFINISHED)) or name.endswith(".lock")


def exchange(first: Path, second: Path) -> None:
    """Give each of two paths the other's name, in one step where the system can."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        names = (os.fsencode(first), os.fsencode(second))
        if renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), str(second))
    waiting = second.with_name(f"{second.name}.{os.getpid()}.old")
    second.rename(waiting)
    try:
        first.rename(second)
    except OSError:
        waiting.rename(second)
        raise
    waiting.rename(first)
