"""What a walk-forward model is: declared inputs and parameters, fitted a fold at a time.

A model is added by one class that fits :class:`FoldModel` and one line in the tuple of its
target (`direction.py`, `volatility.py`). What it fits is kept as named files of bytes, in its
library's own open format, so that a stored fold can be read without running foreign code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from options_platform.common import Floats
from options_platform.models.dataset import Rows, Sample

Artifacts = Mapping[str, bytes]
"""The files of a fitted fold, by name."""

Predictions = Mapping[str, Floats]
"""Columns of predictions, one number a row, by name; NaN where there is none."""

MIN_SESSIONS = 252
"""Sessions that a fold needs to train on: a year."""


class FoldModel(Protocol):
    """One model of the walk-forward."""

    @property
    def name(self) -> str:
        """Name in `model_predictions` and in the model store."""
        ...

    @property
    def window_sessions(self) -> int | None:
        """Train on the last so many sessions; None for all."""
        ...

    @property
    def embargo_sessions(self) -> int:
        """Sessions before the predicted month, beside the purge, that are not trained on."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All that decides the fit beside the data; changes make stored folds obsolete."""
        ...

    def trainable(self, sample: Sample) -> Rows:
        """Numbers of the rows whose inputs and targets allow training."""
        ...

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the rows of a fold, all trainable. The same rows give the same bytes."""
        ...

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """Predict each row from itself alone, so that batches do not matter.

        The walk-forward hands over rows whose targets are all unknown.
        """
        ...


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON bytes whose floats come back exactly."""
    return json.dumps(value, sort_keys=True, indent=1).encode()


def from_json(data: bytes) -> Any:
    """The value that :func:`to_json` wrote."""
    return json.loads(data)
