"""A fold store in memory, for trials: their scores are recorded, their models are not stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from options_platform.models.base import Artifacts
from options_platform.models.fold_records import FoldRecord


class MemoryStore:
    """Implements :class:`~options_platform.models.training.FoldStore`."""

    def __init__(self) -> None:
        self._folds: dict[tuple[str, str, str], Artifacts] = {}

    def load(self, model: str, hashes: Mapping[str, str]) -> dict[str, Artifacts]:
        """The requested folds that this process has trained."""
        keys = {fold: (model, fold, input_hash) for fold, input_hash in hashes.items()}
        return {fold: self._folds[key] for fold, key in keys.items() if key in self._folds}

    def save(self, record: FoldRecord, artifacts: Artifacts) -> None:
        """Keep a fold until the process ends."""
        self._folds[record.model, record.fold, record.input_hash] = artifacts

    @contextmanager
    def training(self, model: str) -> Iterator[None]:  # noqa: ARG002 (nobody else trains here)
        """Nothing to lock, since no other process can use these folds."""
        yield
