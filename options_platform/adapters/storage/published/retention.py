"""How long a version stays: while it is read, young, or one of the newest."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from options_platform.adapters.storage.published.versions import (
    VERSIONS,
    Version,
    moved_unless_read,
    published_folder,
    version_folders,
)

NEWEST_KEPT = 2
KEPT_SECONDS = 300.0
"""How long a version stays that nobody keeps, for a user who reads its files by their names."""

UNFINISHED, LEAVING = ".new-", ".old-"


def remove_leftovers(home: Path, current: Version | None) -> None:
    """Remove what killed processes have left: unfinished versions, and ones not made current."""
    versions = published_folder(home) / VERSIONS
    for path in versions.iterdir():
        if path.name.startswith((UNFINISHED, LEAVING)):
            shutil.rmtree(path, ignore_errors=True)
    newest = 0 if current is None else current.number
    for number, path in [*version_folders(home)]:
        if number > newest:
            _remove(path)


def remove_old(home: Path, current: Version) -> None:
    """Remove the versions that are no longer needed and that nobody keeps."""
    older = sorted((number, path) for number, path in version_folders(home))
    for number, path in older[:-NEWEST_KEPT]:
        with suppress(OSError):
            if number != current.number and time.time() - path.stat().st_mtime > KEPT_SECONDS:
                _remove(path)


def _remove(path: Path) -> None:
    leaving = path.with_name(f"{LEAVING}{path.name}")
    with suppress(OSError):
        if moved_unless_read(path, leaving):
            shutil.rmtree(leaving, ignore_errors=True)
