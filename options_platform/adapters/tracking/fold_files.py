"""Reads and writes the files of a stored fold: atomically, with a hash, and never a pickle.

Large files are compressed, since trees shrink to a third or a tenth: `trees.ubj` is stored as
`trees.ubj.zst`, which `zstd -d` unpacks. The hash is of the files as they were before. Folds that
a former version stored uncompressed are read as they are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from options_platform.errors import ModelStoreError
from options_platform.models.base import Artifacts

OPEN_FORMATS = frozenset({".json", ".npz", ".ubj"})
COMPRESSED = ".zst"
LEAST_COMPRESSED_BYTES = 4096
"""Smaller files take a block of the disk in any case, and stay readable in MLflow's pages."""
ZSTD_LEVEL = 3
PICKLE_STARTS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def read_fold(home: Path, path: str, sha256: str) -> Artifacts:
    """The files of a fold at `path` of the home, by name.

    Raises :class:`ModelStoreError` if files are missing, differ from the hash, or are pickles.
    """
    folder = home / path
    try:
        files = [_unpacked(path, file) for file in sorted(folder.iterdir())]
    except FileNotFoundError as error:
        raise ModelStoreError(
            f"the stored model {path} is missing in the home; restore mlartifacts/ from a "
            "backup, or delete its row of model_folds to have it trained again"
        ) from error
    _require_open_formats(path, files)
    artifacts = dict(files)
    # A file may lie there twice, compressed and not.
    if len(artifacts) < len(files) or hash_of(artifacts) != sha256:
        raise _changed(path)
    return artifacts


def write_fold(folder: Path, artifacts: Artifacts) -> None:
    """Write the files of a fold into a new or empty folder, the large ones compressed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in artifacts.items():
        if len(data) < LEAST_COMPRESSED_BYTES:
            write_whole(folder / name, data)
        else:
            write_whole(folder / f"{name}{COMPRESSED}", _packed(data))


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


def _packed(data: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.Codec("zstd", compression_level=ZSTD_LEVEL).compress(data, asbytes=True))


def _unpacked(path: str, file: Path) -> tuple[str, bytes]:
    """The name and the bytes that a file of the fold at `path` had before it was compressed."""
    data = file.read_bytes()
    if file.suffix != COMPRESSED:
        return file.name, data
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return file.stem, bytes(stream.read())
    except OSError as error:
        raise _changed(path) from error


def _changed(path: str) -> ModelStoreError:
    return ModelStoreError(
        f"the stored model {path} was changed (its hash differs); restore it "
        "from a backup, or delete its row of model_folds to have it trained again"
    )


def _require_open_formats(path: str, files: Sequence[tuple[str, bytes]]) -> None:
    """Refuse anything but JSON, NPZ and UBJSON, since loading a pickle can run any code."""
    for name, data in files:
        if Path(name).suffix not in OPEN_FORMATS or data.startswith(PICKLE_STARTS):
            raise ModelStoreError(
                f"the stored model {path} holds {name}, which is not JSON, NPZ or UBJSON; pickles "
                "are never loaded: delete its row of model_folds to have it trained again"
            )
