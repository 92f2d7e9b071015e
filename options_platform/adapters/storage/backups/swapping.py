"""Swaps a restored home, or parts of one, with the present one; a kill loses neither.

Two whole homes exchange their names in one system call. Entries of a home (parts, a home that is a
mount point, a file system without that call) are moved one by one, after a plan that is written
first; the next use of the home finishes the plan of a killed restore.

Reading and verifying archives belongs to :mod:`.restoring`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from options_platform.adapters.storage.backups.archive import (
    NOT_KEPT,
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    RECORD,
    SET_ASIDE,
    UNFINISHED,
)
from options_platform.adapters.storage.readers import PREPARED
from options_platform.errors import HomeError

AT_FDCWD, RENAME_EXCHANGE = -100, 2
# Files beside a database that belong to it alone; they are moved together with it.
COMPANIONS = (".wal", PREPARED, "-wal", "-shm", "-journal")
NEW, OLD, PLAN = "new", "old", "plan.json"
LOCK = "restore.lock"


@dataclass(frozen=True)
class Plan:
    """Entries to move in, entries to move out only, and the folder for the replaced ones."""

    coming: Sequence[str]
    leaving: Sequence[str]
    aside: str


def swap_home(staged: Path, home: Path, now: datetime) -> Path | None:
    """Swap the whole home in one step; returns the folder of the former files, None without."""
    if not home.exists():
        staged.rename(home)
        return None
    if (home / RECORD).exists():
        shutil.copy2(home / RECORD, staged / RECORD)
    aside = home.with_name(f"{home.name}.{_aside(now)}")
    staged.rename(aside)
    try:
        exchange(aside, home)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def swap_entries(staged: Path, home: Path, now: datetime, *, whole: bool) -> Path:
    """Move the entries of `staged / NEW` into the home; returns the folder of the replaced ones.

    With `whole`, all other entries are moved out. If one cannot be moved, all moves are undone.
    """
    coming = [path.name for path in (staged / NEW).iterdir()]
    leaving = {f"{name}{end}" for name in coming for end in COMPANIONS}
    if whole:
        leaving |= {path.name for path in home.iterdir() if not _stays(path.name)}
    present = sorted(name for name in leaving - {*coming} if os.path.lexists(home / name))
    # The notice of a halt comes before its ledger.
    coming.sort(key=lambda name: (not name.endswith(".halt"), name))
    plan = Plan(coming, present, _aside(now))
    (staged / OLD).mkdir(mode=PRIVATE_FOLDER)
    _write_plan(staged, plan)
    try:
        return _carry_out(staged, home, plan)
    except OSError:
        _take_back(staged, home, plan)
        raise


def finish_swap(home: Path) -> None:
    """Finish the plan of a restore that was killed while it moved entries of the home.

    Raises HomeError while another process restores the home; OSError if entries cannot be moved.
    """
    if not any(home.glob(f"{UNFINISHED}*/{PLAN}")):
        return
    with alone(home):
        for path in sorted(home.glob(f"{UNFINISHED}*/{PLAN}")):
            plan = Plan(**json.loads(path.read_text(encoding="utf-8")))
            _carry_out(path.parent, home, plan)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Lock the home against other restores; HomeError while one runs."""
    from filelock import FileLock, Timeout

    lock = home / "locks" / LOCK
    lock.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    try:
        with FileLock(lock, timeout=0, mode=PRIVATE_FILE):
            yield
    except Timeout as error:
        raise HomeError(
            f"{home} is being restored by another process; try again when that has ended"
        ) from error


def _aside(now: datetime) -> str:
    return f"{SET_ASIDE}{now:%Y%m%dT%H%M%S}"


def _stays(name: str) -> bool:
    """Whether an entry of the home is not part of a backup."""
    return name in NOT_KEPT or name.startswith((SET_ASIDE, UNFINISHED)) or name.endswith(".lock")


def _write_plan(staged: Path, plan: Plan) -> None:
    draft = staged / f"{PLAN}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, PRIVATE_FILE), "w") as file:
        json.dump(asdict(plan), file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(staged / PLAN)


def _carry_out(staged: Path, home: Path, plan: Plan) -> Path:
    """Move the entries that are not moved yet; an entry that is no longer in NEW was moved in."""
    new, old, aside = staged / NEW, staged / OLD, home / plan.aside
    for name in (*plan.coming, *plan.leaving) if old.exists() else ():
        comes = os.path.lexists(new / name)
        if (comes or name in plan.leaving) and os.path.lexists(home / name):
            (home / name).rename(old / name)
        if comes:
            (new / name).rename(home / name)
    if old.exists():
        old.rename(aside)
    (staged / PLAN).unlink()
    shutil.rmtree(staged, ignore_errors=True)
    return aside


def _take_back(staged: Path, home: Path, plan: Plan) -> None:
    new, old = staged / NEW, staged / OLD
    for name in (*plan.leaving, *plan.coming):
        if name in plan.coming and not os.path.lexists(new / name):
            (home / name).rename(new / name)
        if os.path.lexists(old / name):
            (old / name).rename(home / name)
    (staged / PLAN).unlink()


def can_exchange(folder: Path) -> bool:
    """Whether two entries of the folder can exchange their names in one step."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=UNFINISHED) as name:
            first, second = Path(name, "first"), Path(name, "second")
            first.mkdir()
            second.mkdir()
            exchange(first, second)
    except OSError:
        return False
    return True


def exchange(first: Path, second: Path) -> None:
    """Exchange the names of two paths in one step; OSError if the system does not support it."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(second))
    names = (os.fsencode(first), os.fsencode(second))
    if renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(second))
