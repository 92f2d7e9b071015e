"""Reads and writes the files of a stored fold: atomically, with a hash, and never a pickle."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from options_platform.errors import ModelStoreError
from options_platform.models.base import Artifacts

OPEN_FORMATS = frozenset({".json", ".npz", ".ubj"})
PICKLE_STARTS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def read_fold(home: Path, path: str, sha256: str) -> Artifacts:
    """The files of a fold at `path` of the home, by name.

    Raises :class:`ModelStoreError` if files are missing, differ from the hash, or are pickles.
    """
    folder = home / path
    try:
        artifacts = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    except FileNotFoundError as error:
        raise ModelStoreError(
            f"the stored model {path} is missing in the home; restore mlartifacts/ from a "
            "backup, or delete its row of model_folds to have it trained again"
        ) from error
    _require_open_formats(path, artifacts)
    if hash_of(artifacts) != sha256:
        raise ModelStoreError(
            f"the stored model {path} was changed (its hash differs); restore it "
            "from a backup, or delete its row of model_folds to have it trained again"
        )
    return artifacts


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: after a crash it is complete or does not exist."""
    new = path.with_suffix(path.suffix + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def hash_of(artifacts: Artifacts) -> str:
    """SHA-256 over the names, lengths and bytes of a fold's files, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(artifacts):
        digest.update(f"{name}\0{len(artifacts[name])}\0".encode())
        digest.update(artifacts[name])
    return digest.hexdigest()


def _require_open_formats(path: str, artifacts: Artifacts) -> None:
    """Refuse anything but JSON, NPZ and UBJSON, since loading a pickle can run any code."""
    for name, data in artifacts.items():
        if Path(name).suffix not in OPEN_FORMATS or data.startswith(PICKLE_STARTS):
            raise ModelStoreError(
                f"the stored model {path} holds {name}, which is not JSON, NPZ or UBJSON; pickles "
                "are never loaded: delete its row of model_folds to have it trained again"
            )
