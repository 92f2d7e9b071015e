"""A fold store that lasts as long as its process: trials are recorded, their models are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from options_platform.models.base import Artifacts
from options_platform.models.training import FoldRecord


class MemoryStore:
    """Fits :class:`~options_platform.models.training.FoldStore`."""

    def __init__(self) -> None:
        self._folds: dict[tuple[str, str, str], Artifacts] = {}

    def load(self, model: str, hashes: Mapping[str, str]) -> dict[str, Artifacts]:
        """The folds that this process trained."""
        keys = {fold: (model, fold, input_hash) for fold, input_hash in hashes.items()}
        return {fold: self._folds[key] for fold, key in keys.items() if key in self._folds}

    def save(self, record: FoldRecord, artifacts: Artifacts) -> None:
        """Keep a fold until the process ends."""
        self._folds[record.model, record.fold, record.input_hash] = artifacts

    @contextmanager
    def training(self, model: str) -> Iterator[None]:  # noqa: ARG002 (nobody else trains here)
        """No other process can want these folds."""
        yield
