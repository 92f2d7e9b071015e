"""Walk-forward training: the model of each fold is trained once, stored, and read from then on.

1. Each month of the range becomes a fold with purged training rows (`models/walk_forward.py`).
2. A fold is identified by the hash of its training rows, the model's parameters, the version of the
   fitting code and the library versions.
3. Stored folds are read. Missing folds are trained under the model's lock, so that of several runs
   that need the same folds one trains while the others wait and then read.
4. Each row of the range is predicted by the model of its month, without its targets.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

import numpy as np

from options_platform.common import Floats, Progress
from options_platform.models.base import (
    MIN_SESSIONS,
    Artifacts,
    FoldModel,
    history_of,
    libraries_of,
    to_json,
)
from options_platform.models.dataset import NO_ROW, Dataset, Sample
from options_platform.models.fold_records import DataRange, FoldRecord
from options_platform.models.walk_forward import Fold, month_of, monthly_folds, require_purged

LIBRARIES = ("scikit-learn", "xgboost-cpu", "numpy")
FITTING_VERSION = "1"
"""Version of the fitting code (parts, baselines, calibration and what fits them).

Increase it whenever the same rows and parameters would give another fit. Moving, renaming or
rewording code does not change it.
"""
FIRST_FITTING = bytes.fromhex("98b3e299b86c9ab6f45e18d05c9047e304dc55fed6b3302ee3d4ec2d14c94b4e")
"""Digest of version 1 in fold hashes; stored folds use it since their source files were hashed."""
WORTH_A_POOL = 4


class NotStoredError(LookupError):
    """Folds are not stored, and this run must not train."""


class FoldStore(Protocol):
    """Store of fitted folds."""

    def load(self, model: str, hashes: Mapping[str, str]) -> dict[str, Artifacts]:
        """Artifacts by fold name, for those of the folds (name -> input hash) that are stored."""
        ...

    def save(self, record: FoldRecord, artifacts: Artifacts) -> None:
        """Store a fold, at the latest when :meth:`training` ends; a killed run may lose some."""
        ...

    def training(self, model: str) -> AbstractContextManager[None]:
        """Lock the training of `model`; other processes wait."""
        ...


@dataclass(frozen=True)
class Walk:
    """Predictions of one model over a range, and its fitted folds by month.

    `rows` are row indices of the dataset; folds, model ids and columns are aligned with them.
    """

    model: str
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    folds: list[str]
    model_ids: list[str | None]
    columns: dict[str, Floats]
    artifacts: Mapping[str, Artifacts]


def walk_forward(
    model: FoldModel,
    data: Dataset,
    *,
    start: date,
    end: date,
    store: FoldStore,
    may_train: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
    predict_sessions: int | None = None,
    folds: Iterable[Fold] | None = None,
) -> Walk:
    """Predict every row from `start` to `end` with the model of its month.

    A month with less than a year of training sessions has no model: its predictions are NaN and its
    model id is None.

    Args:
        model: the model.
        data: its dataset.
        start: first session to predict.
        end: last session to predict.
        store: store of fitted folds.
        may_train: whether missing folds may be trained.
        workers: processes for training.
        progress: called with (step, done, total).
        predict_sessions: as in :func:`~options_platform.models.walk_forward.monthly_folds`.
        folds: folds to use instead of the monthly ones.

    Raises:
        NotStoredError: `may_train` is false and a fold is not stored.
        LeakError: a fold trains on labels that become known only in its predicted sessions.
    """
    if folds is None:
        folds = _folds_of_model(model, data, start, end, predict_sessions)
    folds = list(folds)
    for fold in folds:
        require_purged(fold, data.known_on, data.dates[fold.predict].min())
    records = _records(model, folds, data)
    hashes = {name: record.input_hash for name, record in records.items()}
    fitted = store.load(model.name, hashes)
    if len(fitted) < len(hashes):
        if not may_train:
            raise NotStoredError(f"{model.name}: {len(hashes) - len(fitted)} folds are not stored")
        fitted |= _train_missing(
            model,
            [fold for fold in folds if fold.name in records and fold.name not in fitted],
            records=records,
            sample=data.sample,
            store=store,
            workers=workers,
            progress=progress,
        )
    return _predict(model, folds, records, fitted, data)


def _folds_of_model(
    model: FoldModel, data: Dataset, start: date, end: date, predict_sessions: int | None
) -> Iterator[Fold]:
    """The monthly folds with the window and the embargo of the model."""
    trainable = np.zeros(len(data.sample), dtype=bool)
    trainable[model.trainable(data.sample)] = True
    if data.left_out is not None:
        trainable &= ~data.left_out
    return monthly_folds(
        data.dates,
        data.known_on,
        trainable,
        start=start,
        end=end,
        window_sessions=model.window_sessions,
        embargo_sessions=model.embargo_sessions,
        predict_sessions=predict_sessions,
    )


def _train_missing(
    model: FoldModel,
    folds: Sequence[Fold],
    *,
    records: Mapping[str, FoldRecord],
    sample: Sample,
    store: FoldStore,
    workers: int,
    progress: Progress | None,
) -> dict[str, Artifacts]:
    with store.training(model.name):
        # Another run may have trained them while this one waited.
        fitted = store.load(
            model.name, {fold.name: records[fold.name].input_hash for fold in folds}
        )
        missing = [fold for fold in folds if fold.name not in fitted]
        for done, (fold, artifacts, seconds) in enumerate(
            _train(model, missing, sample, workers), start=1
        ):
            record = records[fold.name]
            store.save(replace(record, trained_seconds=seconds), artifacts)
            fitted[fold.name] = artifacts
            if progress is not None:
                progress(f"{model.name}: monthly folds trained", done, len(missing))
    return fitted


def _train(
    model: FoldModel, folds: Sequence[Fold], sample: Sample, workers: int
) -> Iterator[tuple[Fold, Artifacts, float]]:
    if workers > 1 and len(folds) >= WORTH_A_POOL:
        from joblib import Parallel, delayed

        pool = Parallel(n_jobs=workers, backend="loky", batch_size=2, return_as="generator")
        jobs = (delayed(_train_one)(model, sample, fold.train) for fold in folds)
        for fold, (artifacts, seconds) in zip(folds, pool(jobs), strict=True):
            yield fold, artifacts, seconds
        return
    for fold in folds:
        yield (fold, *_train_one(model, sample, fold.train))


def _train_one(
    model: FoldModel, sample: Sample, rows: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[Artifacts, float]:
    began = time.perf_counter()
    artifacts = model.fit(sample.take(rows))
    return artifacts, time.perf_counter() - began


def _predict(
    model: FoldModel,
    folds: Sequence[Fold],
    records: Mapping[str, FoldRecord],
    fitted: Mapping[str, Artifacts],
    data: Dataset,
) -> Walk:
    rows = np.concatenate([fold.predict for fold in folds]) if folds else np.array([], np.int64)
    names, ids = [], []
    parts: list[tuple[int, int, Mapping[str, Floats]]] = []
    at = 0
    for fold in folds:
        count = len(fold.predict)
        record = records.get(fold.name)
        names += [fold.name] * count
        ids += [None if record is None else record.model_id] * count
        if record is not None:
            inputs = data.sample.take(fold.predict).without_targets()
            parts.append((at, at + count, model.predict(fitted[fold.name], inputs)))
        at += count
    columns: dict[str, Floats] = {}
    for begin, stop, predictions in parts:
        for name, values in predictions.items():
            columns.setdefault(name, np.full(len(rows), np.nan))[begin:stop] = values
    return Walk(model.name, rows, names, ids, columns, fitted)


def _records(model: FoldModel, folds: Sequence[Fold], data: Dataset) -> dict[str, FoldRecord]:
    """By name, the records of the folds with enough sessions to train on."""
    row_hashes = _row_hashes(data)
    whole = DataRange(
        digest=_short_hash(row_hashes),
        tickers=tuple(data.keys["ticker"].unique().sort()),
        first=data.dates.min().astype(date),
        last=data.dates.max().astype(date),
        rows=len(data.sample),
        inputs=data.sample.names,
    )
    return {
        fold.name: _record(model, fold, data, row_hashes, whole)
        for fold in folds
        if _enough(fold, data)
    }


def _enough(fold: Fold, data: Dataset) -> bool:
    return len(np.unique(data.dates[fold.train])) >= MIN_SESSIONS


def _record(
    model: FoldModel,
    fold: Fold,
    data: Dataset,
    row_hashes: np.ndarray[tuple[int], np.dtype[np.bytes_]],
    whole: DataRange,
) -> FoldRecord:
    spec = {"model": model.name, **model.parameters}
    digest = hashlib.sha256(to_json(spec))
    digest.update(_library_versions())
    digest.update(fitting_digest())
    digest.update(row_hashes[fold.train].tobytes())
    digest.update(_extras(model, data, fold, row_hashes))
    trained = data.dates[fold.train]
    month = month_of(data.dates[fold.predict].min()).astype("datetime64[D]")
    purged = data.dates[(data.dates > trained.max()) & (data.dates < month)]
    return FoldRecord(
        model=model.name,
        fold=fold.name,
        input_hash=digest.hexdigest()[:32],
        data=whole,
        train_rows=len(fold.train),
        train_start=trained.min().astype(date),
        train_end=trained.max().astype(date),
        purged_sessions=len(np.unique(purged)),
        trained_seconds=0.0,
        parameters=model.parameters,
    )


@cache
def _library_versions(names: tuple[str, ...] = LIBRARIES) -> bytes:
    return repr([(name, _version(name)) for name in names]).encode()


def _version(name: str) -> str | None:
    """The installed version; None for a package of an extra that is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _extras(
    model: FoldModel,
    data: Dataset,
    fold: Fold,
    row_hashes: np.ndarray[tuple[int], np.dtype[np.bytes_]],
) -> bytes:
    """What besides the rows of a fold determines its fit: packages of an extra, earlier sessions.

    Empty for a model that needs neither.
    """
    libraries, sessions = libraries_of(model), history_of(model)
    extras = _library_versions(libraries) if libraries else b""
    if sessions > 1 and data.sample.history is not None:
        earlier = data.sample.history.take(fold.train).earlier(sessions - 1)
        extras += row_hashes[np.unique(earlier[earlier != NO_ROW])].tobytes()
    return extras


def fitting_digest() -> bytes:
    """32 bytes that represent :data:`FITTING_VERSION` in the input hash of a fold."""
    if FITTING_VERSION == "1":
        return FIRST_FITTING
    return hashlib.sha256(FITTING_VERSION.encode()).digest()


def dataset_hash(data: Dataset) -> str:
    """A short hash of all rows, inputs and targets."""
    return _short_hash(_row_hashes(data))


def _short_hash(row_hashes: np.ndarray[tuple[int], np.dtype[np.bytes_]]) -> str:
    return hashlib.sha256(row_hashes.tobytes()).hexdigest()[:16]


def _row_hashes(data: Dataset) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    """16-byte hash of each row's key, inputs and targets; a fold hashes those of its rows."""
    sample = data.sample
    targets = (sample.direction, sample.fwd_return, sample.fwd_iv_rank, sample.fwd_rv)
    table = np.column_stack([sample.inputs, *targets, sample.regime_differs])
    header = repr(sample.names).encode()
    hashes = [
        hashlib.blake2b(header + repr(key).encode() + row.tobytes(), digest_size=16).digest()
        for key, row in zip(data.keys.iter_rows(), table, strict=True)
    ]
    return np.array(hashes, dtype="V16")
