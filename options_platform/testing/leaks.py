"""Leak checks: does a prediction depend on the future, or on the other rows of its batch?

Predictions are computed twice, with and without the data in question, and compared bit by bit.
That detects any leak, whatever its cause: a scaler fitted on all rows, a calibration on test
rows, a label among the features.
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

# `neutral_band` is known at the close of the session, and may be an input.
NO_TARGETS = (*KEY, "known_on", "neutral_band")
TARGETS = [name for name in LABELS.schema.names() if name not in NO_TARGETS]

Predict = Callable[[pl.DataFrame, pl.DataFrame, date], pl.DataFrame]
"""Maps features, labels and the last session to predictions keyed by date and ticker."""


def future_differences(
    predict: Predict, features: pl.DataFrame, labels: pl.DataFrame, *, cut: date, end: date
) -> pl.DataFrame:
    """Predictions up to `cut` that change when everything known only after `cut` is deleted.

    Later features are deleted, and so are targets that became known after `cut`. Returns columns
    date, ticker, column; empty for a model that does not see the future.
    """
    whole = predict(features, labels, end).filter(pl.col("date") <= cut)
    short = predict(features.filter(pl.col("date") <= cut), known_by(labels, cut), cut)
    return differences(whole.sort(KEY), short.sort(KEY))


def known_by(labels: pl.DataFrame, day: date) -> pl.DataFrame:
    """The labels as of the close of `day`: no later rows, and targets not yet known are null."""
    is_known = pl.col("known_on") <= day
    return labels.filter(pl.col("date") <= day).with_columns(
        pl.when(is_known).then(pl.col(name)).alias(name) for name in TARGETS
    )


def batch_differences(model: FoldModel, artifacts: Artifacts, sample: Sample) -> Rows:
    """Indices of rows that are predicted differently alone than together with all the others."""
    together = model.predict(artifacts, sample)
    changed_rows = [
        row
        for row in range(len(sample))
        if not _same(together, model.predict(artifacts, sample.take(np.array([row]))), row)
    ]
    return np.array(changed_rows, dtype=np.int64)


def _same(
    together: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    alone: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    row: int,
) -> bool:
    return all(
        np.array_equal(values[row], alone[name][0], equal_nan=True)
        for name, values in together.items()
    )
