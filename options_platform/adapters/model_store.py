"""Stored fold models: files in MLflow's artifact store, tracked as MLflow runs, indexed by hash.

Each fold is one MLflow run of its model's experiment; its files are the run's artifacts. The
index (`model_folds` in the warehouse) says which inputs made them and their hash, so that a
daily run reads a fold without importing MLflow, and never a file that has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import polars as pl

from options_platform.adapters.mlflow_client import clear_errors, one_at_a_time, open_client
from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import MODEL_FOLDS
from options_platform.errors import ModelStoreError
from options_platform.models.base import Artifacts
from options_platform.models.training import FoldRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient

FLUSH_EVERY = 25
OPEN_FORMATS = frozenset({".json", ".ubj"})
PICKLE_STARTS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
FAMILY_TAG = "options_platform.kind"


class ModelStore:
    """The models of one home; fits :class:`~options_platform.models.training.FoldStore`."""

    def __init__(self, home: Path, warehouse: Warehouse) -> None:
        self.home = home
        self.warehouse = warehouse
        self._client: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._unindexed: list[dict[str, object]] = []

    def load(self, model: str, hashes: Mapping[str, str]) -> dict[str, Artifacts]:
        """The stored artifacts of the folds (name -> input hash) that are stored.

        Raises :class:`ModelStoreError` if files are gone or differ from what was stored.
        """
        index = self.warehouse.read(MODEL_FOLDS).filter(pl.col("model") == model)
        found: dict[str, Artifacts] = {}
        for row in index.iter_rows(named=True):
            if hashes.get(row["fold"]) == row["input_hash"]:
                found[row["fold"]] = self._read(row["path"], row["sha256"])
        return found

    def save(self, record: FoldRecord, artifacts: Artifacts) -> None:
        """Write the fold's files and its MLflow run; the index follows within 25 folds."""
        client = self._tracking()
        run = client.create_run(
            self._experiment(record.model),
            run_name=record.model_id,
            tags={
                FAMILY_TAG: "fold",
                "fold": record.fold,
                "input_hash": record.input_hash,
                "model_id": record.model_id,
                "train_end": record.train_end.isoformat(),
            },
        )
        folder = Path(unquote(urlparse(run.info.artifact_uri).path))
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in artifacts.items():
            _write_whole(folder / name, data)
        self._log(
            client,
            run.info.run_id,
            params=record.parameters,
            metrics={
                "train_rows": record.train_rows,
                "trained_seconds": record.trained_seconds,
            },
        )
        client.set_terminated(run.info.run_id)
        self._unindexed.append(
            {
                "model": record.model,
                "fold": record.fold,
                "input_hash": record.input_hash,
                "model_id": record.model_id,
                "run_id": run.info.run_id,
                "path": str(folder.relative_to(self.home)),
                "sha256": _hash(artifacts),
                "train_rows": record.train_rows,
                "train_end": record.train_end,
                "trained_seconds": record.trained_seconds,
            }
        )
        if len(self._unindexed) >= FLUSH_EVERY:
            self._flush()

    @contextmanager
    def training(self, model: str) -> Iterator[None]:
        """Hold the right to train `model`; other processes wait. A crash releases it."""
        locks = self.home / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / f"training-{model}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                self._flush()

    def log_scores(self, model: str, name: str, scores: Mapping[str, float]) -> None:
        """Record a walk-forward's out-of-sample scores as a run of the model's experiment."""
        client = self._tracking()
        run = client.create_run(
            self._experiment(model), run_name=name, tags={FAMILY_TAG: "walk_forward"}
        )
        self._log(client, run.info.run_id, params={}, metrics=scores)
        client.set_terminated(run.info.run_id)

    def _flush(self) -> None:
        if self._unindexed:
            frame = pl.DataFrame(self._unindexed, schema=MODEL_FOLDS.schema)
            self.warehouse.upsert(MODEL_FOLDS, frame)
            self._unindexed.clear()

    def _read(self, path: str, sha256: str) -> Artifacts:
        folder = self.home / path
        try:
            artifacts = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        except FileNotFoundError as error:
            raise ModelStoreError(
                f"the stored model {path} is gone from the home; restore mlartifacts/ from a "
                "backup, or delete its row of model_folds to have it trained again"
            ) from error
        _require_open_formats(path, artifacts)
        if _hash(artifacts) != sha256:
            raise ModelStoreError(
                f"the stored model {path} is not what was stored (its hash differs); restore it "
                "from a backup, or delete its row of model_folds to have it trained again"
            )
        return artifacts

    def _tracking(self) -> MlflowClient:
        if self._client is None:
            self._client = open_client(self.home)
        return self._client

    def _experiment(self, model: str) -> str:
        if model not in self._experiments:
            client = self._tracking()
            with one_at_a_time(self.home), clear_errors(self.home):
                known = client.get_experiment_by_name(model)
                location = (self.home / "mlartifacts" / model).as_uri()
                self._experiments[model] = (
                    known.experiment_id
                    if known is not None
                    else client.create_experiment(model, artifact_location=location)
                )
        return self._experiments[model]

    @staticmethod
    def _log(
        client: MlflowClient,
        run_id: str,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
    ) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[Metric(_plain(key), float(value), now, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in params.items()],
        )


def _require_open_formats(path: str, artifacts: Artifacts) -> None:
    """Refuse anything but JSON and UBJSON: a pickle runs whatever it says when it is loaded."""
    for name, data in artifacts.items():
        if Path(name).suffix not in OPEN_FORMATS or data.startswith(PICKLE_STARTS):
            raise ModelStoreError(
                f"the stored model {path} holds {name}, which is not JSON or UBJSON; pickles are "
                "never loaded: delete its row of model_folds to have it trained again"
            )


def _plain(name: str) -> str:
    return re.sub(r"[^\w\-. /:]", "_", name)


def _hash(artifacts: Artifacts) -> str:
    digest = hashlib.sha256()
    for name in sorted(artifacts):
        digest.update(f"{name}\0{len(artifacts[name])}\0".encode())
        digest.update(artifacts[name])
    return digest.hexdigest()


def _write_whole(path: Path, data: bytes) -> None:
    new = path.with_suffix(path.suffix + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
