"""Publishes the stores of a home: a new version beside the former ones, in one step.

1. Under a lock, so that one process publishes at a time, the files are written into a folder with a
   passing name; those of unchanged rows are links to the former version's.
2. Files, folder and manifest are written through to the disk, then the folder gets its name.
3. The link `current` is replaced, and with that the version is the newest.
4. Former versions are removed once they are some minutes old and nobody reads them.

A kill at any moment leaves the former version or the new one; the next call removes what it left.
The stores are only read, each for as long as its changed rows take.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from options_platform import __version__
from options_platform.adapters.storage.changes import changed_here, end_change, state_of
from options_platform.adapters.storage.duck import looked_at
from options_platform.adapters.storage.published.exporting import (
    MARTS,
    WAREHOUSE,
    export,
    share,
    stored_tables,
)
from options_platform.adapters.storage.published.retention import (
    UNFINISHED,
    remove_leftovers,
    remove_old,
)
from options_platform.adapters.storage.published.staleness import (
    has_lost_a_store,
    is_due,
    is_store_due,
    stores_of,
)
from options_platform.adapters.storage.published.versions import (
    CURRENT,
    FAILURE,
    FORMAT,
    MANIFEST,
    VERSIONS,
    Version,
    newest_version,
    published_folder,
    version_folders,
)
from options_platform.errors import DamagedError, HomeError, WarehouseBusyError


def publish(home: Path, *, wait_seconds: float) -> Version:
    """Publish what differs from the newest version; returns the newest one afterwards.

    A store that another process is changing is published as the former version has it, since that
    process publishes it when it is done; those that this process has changed are always published.

    Raises :class:`DamagedError` for a store that cannot be read, and :class:`WarehouseBusyError`
    for one that another process holds for `wait_seconds`: a new version has it as the former one
    does, and the other stores as they are. Raises :class:`DiskFullError` and OSError, and is busy
    while another process publishes: the former version then stays the newest.
    """
    folder = published_folder(home)
    (folder / VERSIONS).mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(home, wait_seconds):
        mine = changed_here(home)
        newest = newest_version(home)
        remove_leftovers(home, newest)
        work = _Publication(home, newest, wait_seconds)
        if newest is None or is_due(home, newest):
            newest = work.new_version() or newest
        for store in mine:
            end_change(store)
        if newest is not None:
            remove_old(home, newest)
        if work.problem is not None or newest is None:
            raise work.problem or HomeError(f"{home} has nothing to publish")
        (folder / FAILURE).unlink(missing_ok=True)
        return newest


class _Publication:
    """The making of one version beside the `former` one.

    `problem` is why a store is in it as in the former one, or is missing.
    """

    def __init__(self, home: Path, former: Version | None, wait_seconds: float) -> None:
        self.home, self.former, self.wait_seconds = home, former, wait_seconds
        self.problem: DamagedError | WarehouseBusyError | None = None
        self.stores: dict[str, Any] = {}
        self.tables: list[dict[str, Any]] = []

    def new_version(self) -> Version | None:
        """Write the version and make it the newest; None where it would be as the former one."""
        versions = published_folder(self.home) / VERSIONS
        number = 1 + max((number for number, _ in version_folders(self.home)), default=0)
        building = versions / f"{UNFINISHED}{os.getpid()}"
        building.mkdir(mode=0o700)
        try:
            if not self._write(building):
                return None
            manifest = {
                "format": FORMAT,
                "version": number,
                "published_at": datetime.now(UTC).isoformat(),
                "platform": __version__,
                "stores": self.stores,
                "tables": self.tables,
            }
            _write_through(building / MANIFEST, _in_lines(manifest))
            for folder, _, _ in os.walk(building):
                _sync_folder(Path(folder))
            building.rename(versions / f"{number:06}")
        finally:
            # Still there only if it got no name.
            shutil.rmtree(building, ignore_errors=True)
        _sync_folder(versions)
        _make_current(self.home, number)
        return Version(versions / f"{number:06}", manifest)

    def _write(self, target: Path) -> bool:
        """Write the files of the stores that are due, and share those of the others; whether there
        is anything new."""
        former = self.former
        for store in stores_of(self.home):
            if former is None or is_store_due(store, former):
                self._take(store, target)
        if former is not None and not self.stores and not has_lost_a_store(self.home, former):
            return False
        for store in stores_of(self.home):
            if former is not None and store.name not in self.stores:
                self._share(store, former, target)
        return True

    def _take(self, store: Path, target: Path) -> None:
        """Write the files of a store, or note why that cannot be done."""
        try:
            self._export(store, target)
        except (DamagedError, WarehouseBusyError) as problem:
            if self.former is None and isinstance(problem, WarehouseBusyError):
                # Without its tables the account would look as if it had never traded.
                raise
            self.problem = problem
            for folder in _folders(store):
                shutil.rmtree(target / folder, ignore_errors=True)

    def _export(self, store: Path, target: Path) -> None:
        if store.stat().st_size == 0:
            raise DamagedError(store, "it is empty")
        # Nobody can change the store while it is open. Who changes it just before is seen again.
        state, as_of = state_of(store), datetime.now(UTC).isoformat()
        with looked_at(store, wait_seconds=self.wait_seconds) as connection:
            connection.execute("SET threads = 1")
            tables = [
                export(connection, table, target, self.former)
                for table in stored_tables(connection, store.stem)
            ]
        self.stores[store.name] = {"state": state, "as_of": as_of}
        self.tables += tables

    def _share(self, store: Path, former: Version, target: Path) -> None:
        if store.name not in former.manifest["stores"]:
            # Made by a run that is at work.
            return
        self.stores[store.name] = former.manifest["stores"][store.name]
        for folder, entry in former.tables.items():
            if folder.partition("/")[0] in _folders(store):
                self.tables.append(share(entry, former, target))


def _folders(store: Path) -> tuple[str, ...]:
    """The folders of a version that hold the tables of a store."""
    return (store.stem, MARTS) if store.stem == WAREHOUSE else (store.stem,)


def _in_lines(manifest: dict[str, Any]) -> str:
    """The manifest as JSON with a line for each table, for people who look into it."""
    head = {name: value for name, value in manifest.items() if name != "tables"}
    tables = ",\n".join(json.dumps(table) for table in manifest["tables"])
    return f'{json.dumps(head)[:-1]}, "tables": [\n{tables}\n]}}\n'


def _make_current(home: Path, number: int) -> None:
    folder = published_folder(home)
    link, current = folder / f"{CURRENT}.new", folder / CURRENT
    link.unlink(missing_ok=True)
    link.symlink_to(Path(VERSIONS, f"{number:06}"))
    if current.is_dir() and not current.is_symlink():
        # A copied home may have the folder itself in place of the link.
        shutil.rmtree(current)
    link.replace(current)
    _sync_folder(folder)


@contextmanager
def _alone(home: Path, wait_seconds: float) -> Iterator[None]:
    """One process at a time publishes a home; the others wait for it."""
    place = home / "locks" / "published.lock"
    place.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise WarehouseBusyError(
                        f"another process publishes {home} and did for {wait_seconds:g} s"
                    ) from error
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _write_through(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
