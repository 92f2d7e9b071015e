"""Stored fold models: files in MLflow's artifact store, tracked as MLflow runs, indexed by hash.

A model has one experiment, a backfill one run, and each trained fold a child of that run with the
fold's files as artifacts. The backfill's run is itself a child of the MLflow run of the Dagster
run, if there is one. The index (`model_folds` in the warehouse) has the hashes of the inputs
and of the files, so that a daily run reads a fold without importing MLflow, and never a changed
file.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import NOTE_TAG, clear_errors, open_client
from options_platform.adapters.tracking.datasets import evaluation_input, training_input
from options_platform.adapters.tracking.experiments import ensure_experiment
from options_platform.adapters.tracking.fold_files import (
    hash_of,
    read_fold,
    write_fold,
    write_whole,
)
from options_platform.adapters.tracking.logged_models import log_fold
from options_platform.adapters.tracking.run_details import StepScore, code_version, grouped, log
from options_platform.contracts import MODEL_FOLDS
from options_platform.models.base import Artifacts
from options_platform.models.fold_records import DataRange, FoldRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models.model import ModelInfo

FLUSH_EVERY = 25
FAMILY_TAG = "options_platform.kind"
PARENT_TAG = "mlflow.parentRunId"


class ModelStore:
    """The models of one home; implements :class:`~options_platform.models.training.FoldStore`."""

    def __init__(
        self,
        home: Path,
        warehouse: Warehouse,
        enclosing_run: Callable[[], str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """A store that tracks what it trains.

        Args:
            home: the home.
            warehouse: its warehouse.
            enclosing_run: returns the id of the MLflow run that new runs of backfills belong to.
            tags: tags of new runs of backfills.
        """
        self.home = home
        self.warehouse = warehouse
        self._enclosing_run = enclosing_run
        self._tags = dict(tags or {})
        self._client: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._unindexed: list[dict[str, object]] = []
        self._parents: dict[str, str] = {}
        self._trained: dict[str, list[float]] = {}

    def load(self, model: str, hashes: Mapping[str, str]) -> dict[str, Artifacts]:
        """The artifacts of those of the folds (name -> input hash) that are stored.

        Raises :class:`ModelStoreError` if files are missing or differ from the stored hash.
        """
        index = self.warehouse.read(MODEL_FOLDS).filter(pl.col("model") == model)
        by_fold: dict[str, Artifacts] = {}
        for row in index.iter_rows(named=True):
            if hashes.get(row["fold"]) == row["input_hash"]:
                by_fold[row["fold"]] = read_fold(self.home, row["path"], row["sha256"])
        return by_fold

    def save(self, record: FoldRecord, artifacts: Artifacts) -> None:
        """Write the fold's files and its MLflow run; the index follows within 25 folds."""
        client = self._tracking()
        with clear_errors(self.home):
            run = client.create_run(
                self._experiment(record.model),
                run_name=record.model_id,
                tags={
                    FAMILY_TAG: "fold",
                    PARENT_TAG: self._parent(record),
                    "fold": record.fold,
                    "input_hash": record.input_hash,
                    "data_hash": record.data.digest,
                    "model_id": record.model_id,
                    "train_end": record.train_end.isoformat(),
                    **code_version(),
                },
            )
        folder = Path(unquote(urlparse(run.info.artifact_uri).path))
        write_fold(folder, artifacts)
        with clear_errors(self.home):
            log(
                client,
                run.info.run_id,
                params={
                    "train_start": record.train_start,
                    "train_end": record.train_end,
                    "purged_sessions": record.purged_sessions,
                    "features": code_version()["feature_version"],
                    # Each parameter has a row of its own with the parent: there are many folds.
                    **grouped(record.parameters),
                },
                metrics={
                    "train_rows": record.train_rows,
                    "trained_seconds": record.trained_seconds,
                },
            )
            client.log_inputs(run.info.run_id, [training_input(record.data)])
            client.set_terminated(run.info.run_id)
        self._trained.setdefault(record.model, []).append(record.trained_seconds)
        self._unindexed.append(
            {
                "model": record.model,
                "fold": record.fold,
                "input_hash": record.input_hash,
                "model_id": record.model_id,
                "run_id": run.info.run_id,
                "path": str(folder.relative_to(self.home)),
                "sha256": hash_of(artifacts),
                "train_rows": record.train_rows,
                "train_end": record.train_end,
                "trained_seconds": record.trained_seconds,
            }
        )
        if len(self._unindexed) >= FLUSH_EVERY:
            self._flush()

    @contextmanager
    def training(self, model: str) -> Iterator[None]:
        """Lock the training of `model` against other processes, which wait; a crash releases it.

        The folds trained within the block are children of one MLflow run, that of this backfill.
        """
        locks = self.home / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / f"training-{model}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                self._flush()
                self._close_parent(model)

    def log_walk(
        self,
        model: str,
        *,
        scores: Mapping[str, float],
        steps: Sequence[StepScore] = (),
        tags: Mapping[str, str],
        plots: Mapping[str, bytes],
        evaluated: DataRange | None = None,
        note: str | None = None,
    ) -> None:
        """Log a walk-forward's out-of-sample scores and plots in the backfill's run.

        Does nothing if no fold was trained, since there is no run then.

        Args:
            model: name of the model.
            scores: scores of the whole walk-forward, by name.
            steps: scores of its folds and years.
            tags: further tags of the run.
            plots: files of plots, by name.
            evaluated: the rows that were scored.
            note: the run's description, in Markdown.
        """
        run_id = self._parents.get(model)
        if run_id is None:
            return
        client = self._tracking()
        notes = {} if note is None else {NOTE_TAG: note}
        with clear_errors(self.home):
            log(client, run_id, metrics=scores, steps=steps, tags={**tags, **notes})
            if evaluated is not None:
                client.log_inputs(run_id, [evaluation_input(evaluated)])
            folder = Path(unquote(urlparse(client.get_run(run_id).info.artifact_uri).path))
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in plots.items():
            write_whole(folder / name, data)

    def run_of(self, model: str) -> tuple[str, str] | None:
        """Ids of the experiment and of the backfill's run, if this store has trained a fold."""
        if model not in self._parents:
            return None
        return self._experiment(model), self._parents[model]

    def has_trained(self, model: str) -> bool:
        """Whether this store has trained a fold of the model, and therefore opened MLflow."""
        return model in self._parents

    def log_model(
        self,
        model: str,
        model_id: str,
        *,
        target: str,
        variant: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        example: pl.DataFrame | None = None,
    ) -> ModelInfo:
        """Log a stored fold as an MLflow model, in the run of the backfill that trained the fold.

        Arguments as in :func:`~options_platform.adapters.tracking.logged_models.log_fold`.
        """
        self._tracking()
        folds = self.warehouse.read(MODEL_FOLDS).filter(model=model, model_id=model_id)
        fold = folds.row(0, named=True)
        return log_fold(
            self.home,
            self._backfill_of(fold),
            read_fold(self.home, fold["path"], fold["sha256"]),
            config={"target": target, "variant": variant},
            inputs=inputs,
            outputs=outputs,
            example=example,
        )

    def _backfill_of(self, fold: Mapping[str, Any]) -> str:
        """The run of the backfill that trained a fold; a new run if the store was recreated."""
        from mlflow.exceptions import MlflowException

        client = self._tracking()
        try:
            return str(client.get_run(fold["run_id"]).data.tags[PARENT_TAG])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        run = client.create_run(
            self._experiment(fold["model"]),
            run_name=f"stored fold {fold['fold']}",
            tags={FAMILY_TAG: "backfill", **code_version()},
        )
        return str(run.info.run_id)

    def _parent(self, record: FoldRecord) -> str:
        if record.model not in self._parents:
            client = self._tracking()
            enclosing = {PARENT_TAG: self._enclosing_run()} if self._enclosing_run else {}
            run = client.create_run(
                self._experiment(record.model),
                run_name=f"backfill from {record.fold}",
                tags={
                    FAMILY_TAG: "backfill",
                    "data_hash": record.data.digest,
                    **self._tags,
                    **enclosing,
                    **code_version(),
                },
            )
            self._parents[record.model] = run.info.run_id
            with clear_errors(self.home):
                log(client, run.info.run_id, params=record.parameters)
                client.log_inputs(run.info.run_id, [training_input(record.data)])
        return self._parents[record.model]

    def _close_parent(self, model: str) -> None:
        if model in self._parents and model in self._trained:
            seconds = self._trained.pop(model)
            trained = {"folds_trained": len(seconds), "trained_seconds": sum(seconds)}
            with clear_errors(self.home):
                log(self._tracking(), self._parents[model], metrics=trained)
                self._tracking().set_terminated(self._parents[model])

    def _flush(self) -> None:
        if self._unindexed:
            frame = pl.DataFrame(self._unindexed, schema=MODEL_FOLDS.schema)
            self.warehouse.upsert(MODEL_FOLDS, frame)
            self._unindexed.clear()

    def _tracking(self) -> MlflowClient:
        if self._client is None:
            self._client = open_client(self.home)
        return self._client

    def _experiment(self, model: str) -> str:
        if model not in self._experiments:
            self._experiments[model] = ensure_experiment(self._tracking(), self.home, model)
        return self._experiments[model]
