"""The folders of the published copy: versions that never change, and which one is the newest.

`published/versions/NNNNNN/` holds one folder for each table, with one Parquet file or one a year,
and `manifest.json`; `published/current` is a link to the newest version. A version is complete
before it gets its name, so a reader sees a whole one or none. Who reads holds a shared lock on the
manifest: a version is removed only while nobody does.
"""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER, VERSIONS, CURRENT, MANIFEST = "published", "versions", "current", "manifest.json"
FAILURE = "failure.json"
FORMAT = 1
"""Raised with every change of the layout that an older reader would misread."""

ATTEMPTS = 20
UNREADABLE = (OSError, ValueError, KeyError, TypeError)
"""What reading a version raises that somebody else has changed; it is then made anew."""


@dataclass(frozen=True)
class Version:
    """A version of the published copy: its folder and its manifest, as `docs/published-copy.md`
    describes it."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Its number; later versions have greater ones."""
        return int(self.manifest["version"])

    @property
    def published_at(self) -> datetime:
        """UTC time at which it was made."""
        return datetime.fromisoformat(self.manifest["published_at"])

    @cached_property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """The manifest's entry of each table, by folder, such as `warehouse/features`."""
        return {table["folder"]: table for table in self.manifest["tables"]}

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, which together are sorted as the manifest says."""
        return [self.folder / file["path"] for file in self.tables[table]["files"]]

    @property
    def bytes(self) -> int:
        """The size of its files, whether or not other versions share them."""
        return sum(file["bytes"] for table in self.manifest["tables"] for file in table["files"])


def version_of_nothing(home: Path) -> Version:
    """What a reader has of a home without any store: no table; its number is 0."""
    manifest = {
        "format": FORMAT,
        "version": 0,
        "published_at": datetime.now(UTC).isoformat(),
        "stores": {},
        "tables": [],
    }
    return Version(published_folder(home), manifest)


def published_folder(home: Path) -> Path:
    """The folder of the published copy of a home."""
    return home / FOLDER


def newest_version(home: Path) -> Version | None:
    """The newest version, not kept from being removed; None without one that can be read."""
    folder = _current(home)
    try:
        return None if folder is None else _read(folder)
    except UNREADABLE:
        return None


def kept_version(home: Path) -> Version | None:
    """The newest version, which is not removed before the result is garbage or the process ends.

    None without one that can be read.
    """
    for _ in range(ATTEMPTS):
        folder = _current(home)
        if folder is None:
            return None
        try:
            descriptor = os.open(folder / MANIFEST, os.O_RDONLY)
        except FileNotFoundError:
            # Another one was published and this one removed in between.
            continue
        except OSError:
            return None
        version = _locked(folder, descriptor)
        if version is not None:
            return version
    return None


def _locked(folder: Path, descriptor: int) -> Version | None:
    is_kept = False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # The folder may have been removed between opening and locking the file.
        if not os.path.samestat(os.fstat(descriptor), (folder / MANIFEST).stat()):
            return None
        version = _read(folder)
        weakref.finalize(version, os.close, descriptor)
        is_kept = True
    except UNREADABLE:
        return None
    else:
        return version
    finally:
        if not is_kept:
            os.close(descriptor)


def moved_unless_read(folder: Path, target: Path) -> bool:
    """Rename the folder of a version, unless a reader keeps it; whether it was renamed.

    Raises OSError.
    """
    try:
        descriptor = os.open(folder / MANIFEST, os.O_RDONLY)
    except FileNotFoundError:
        folder.rename(target)
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever waits for the lock looks whether the folder is still there.
        folder.rename(target)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def version_folders(home: Path) -> Iterator[tuple[int, Path]]:
    """The numbers and folders of all versions, in no order."""
    versions = published_folder(home) / VERSIONS
    for path in versions.iterdir() if versions.is_dir() else ():
        if path.name.isdigit():
            yield int(path.name), path


def _current(home: Path) -> Path | None:
    current = published_folder(home) / CURRENT
    try:
        # A copied home may have the folder itself in place of the link.
        return current.resolve(strict=True)
    except OSError:
        return None


def _read(folder: Path) -> Version:
    """A version that is whole. Raises OSError, ValueError, KeyError and TypeError for another."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise ValueError(f"format {manifest['format']}")
    version = Version(folder, manifest)
    for noted in manifest["stores"].values():
        datetime.fromisoformat(noted["as_of"])
    for table in version.tables.values():
        for file in table["files"]:
            # A file that was lost or cut is not linked into later versions.
            if (folder / file["path"]).stat().st_size != file["bytes"]:
                raise ValueError(f"{file['path']} is not as it was written")
    return version
