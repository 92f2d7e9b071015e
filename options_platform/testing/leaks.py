"""Whether a model sees what it must not: the future, or the rows beside the one it predicts.

Both are decided by computing twice and comparing bit by bit, so that no kind of leak has to be
foreseen: a scaler fitted on all rows, a calibration on test rows, a label among the features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.contracts import LABELS
from options_platform.models.base import Artifacts, FoldModel
from options_platform.models.dataset import Rows, Sample
from options_platform.testing.look_ahead import differences

TARGETS = [name for name in LABELS.schema.names() if name not in (*KEY, "known_on")]

Predict = Callable[[pl.DataFrame, pl.DataFrame, date], pl.DataFrame]
"""From features, labels and the last session to rows keyed by date and ticker."""


def future_differences(
    predict: Predict, features: pl.DataFrame, labels: pl.DataFrame, *, cut: date, end: date
) -> pl.DataFrame:
    """Predictions up to `cut` that change when all that came after `cut` is deleted.

    Deleted are later features, and targets that were known only after `cut`. Columns date,
    ticker, column; empty for a model that does not see the future.
    """
    whole = predict(features, labels, end).filter(pl.col("date") <= cut)
    short = predict(features.filter(pl.col("date") <= cut), known_by(labels, cut), cut)
    return differences(whole.sort(KEY), short.sort(KEY))


def known_by(labels: pl.DataFrame, day: date) -> pl.DataFrame:
    """The labels as they stood at the close of `day`: later rows gone, unknown targets null."""
    known = pl.col("known_on") <= day
    return labels.filter(pl.col("date") <= day).with_columns(
        pl.when(known).then(pl.col(name)).alias(name) for name in TARGETS
    )


def batch_differences(model: FoldModel, artifacts: Artifacts, sample: Sample) -> Rows:
    """Rows whose prediction differs when they are predicted alone, not among the others."""
    together = model.predict(artifacts, sample)
    found = [
        row
        for row in range(len(sample))
        if not _same(together, model.predict(artifacts, sample.take(np.array([row]))), row)
    ]
    return np.array(found, dtype=np.int64)


def _same(
    together: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    alone: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    row: int,
) -> bool:
    return all(
        np.array_equal(values[row], alone[name][0], equal_nan=True)
        for name, values in together.items()
    )
