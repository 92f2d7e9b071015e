"""Marks a store as being changed, from a process's first change of it until that is published.

The mark is a shared lock of the operating system, which ends with the process, however it ends. So
a store that differs from its published copy and bears no mark was left by a killed process, or
changed by hand; one that bears a mark belongs to a run that publishes it when it is done.

Only the stores of a home are marked; publishing them belongs to :mod:`.published`.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from options_platform.adapters.storage.readers import identity

HOME_FILE = "home.json"
State = list[list[int]]
"""Size and time of a store's file and of its log; empty for what does not exist."""


@dataclass(frozen=True)
class _Mark:
    descriptor: int
    since: float


_marks: dict[Path, _Mark] = {}
_guard = Lock()


def begin_change(store: Path) -> None:
    """Mark the store before this process changes it.

    A mark that cannot be set, as on a full disk, is left out: the change itself must not fail.
    """
    if store in _marks or not (store.parent / HOME_FILE).exists():
        return
    with _guard, suppress(OSError):
        if store in _marks:
            return
        place = _place(store)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _marks[store] = _Mark(descriptor, time.monotonic())


def changed_here(home: Path | None = None) -> list[Path]:
    """The stores that this process has changed and not yet published, of one home or of all."""
    with _guard:
        return [store for store in _marks if home is None or store.parent == home]


def waiting_seconds(home: Path) -> float:
    """How long this process's first unpublished change of a store of the home is ago; 0 without."""
    with _guard:
        since = [mark.since for store, mark in _marks.items() if store.parent == home]
    return time.monotonic() - min(since) if since else 0.0


def end_change(store: Path) -> None:
    """Remove this process's mark, since its changes are published or the store is gone."""
    with _guard:
        mark = _marks.pop(store, None)
    if mark is not None:
        # A forked child may have the descriptor too, so closing it would not unlock.
        with suppress(OSError):
            fcntl.flock(mark.descriptor, fcntl.LOCK_UN)
        os.close(mark.descriptor)


def is_marked(store: Path) -> bool:
    """Whether a process, this one included, has changes of the store that are not published."""
    try:
        descriptor = os.open(_place(store), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(descriptor)


def state_of(store: Path) -> State:
    """The state of a store without opening it: equal states are of equal content.

    Reading a store leaves its state as it is, and so does a copy in its place that keeps the time.
    """
    found = (identity(store), identity(store.with_name(f"{store.name}.wal")))
    return [[] if one is None else [*one[2:]] for one in found]


def _place(store: Path) -> Path:
    return store.parent / "locks" / f"{store.name}.changing"
