"""Protocol of walk-forward models: declared inputs and parameters, one fit per fold.

To add a model, write a class that implements :class:`FoldModel` and add one line to the tuple of
its target (`direction.py`, `volatility.py`). A fit is stored as named files of bytes in the open
format of its library, so that reading a stored fold never runs foreign code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from options_platform.common import Floats
from options_platform.models.dataset import Rows, Sample

Artifacts = Mapping[str, bytes]
"""Files of a fitted fold, by name."""

Predictions = Mapping[str, Floats]
"""Columns of predictions by name, shape (rows,); NaN where there is no prediction."""

MIN_SESSIONS = 252
"""Least number of training sessions of a fold: one year."""


@runtime_checkable
class ReadsHistory(Protocol):
    """A model or part that may read earlier sessions, or be fitted with packages of an extra."""

    @property
    def history_sessions(self) -> int:
        """Sessions of a ticker that a prediction reads, today's included; 1 for today's alone."""
        ...

    @property
    def libraries(self) -> tuple[str, ...]:
        """Packages of an extra that determine the fit; empty if it needs none."""
        ...


class FoldModel(Protocol):
    """A model that is trained and predicts month by month."""

    @property
    def name(self) -> str:
        """Name in `model_predictions` and in the model store."""
        ...

    @property
    def window_sessions(self) -> int | None:
        """Number of most recent sessions to train on; None for all."""
        ...

    @property
    def embargo_sessions(self) -> int:
        """Sessions before the predicted month left out of training, in addition to the purge."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit; changes invalidate stored folds."""
        ...

    def trainable(self, sample: Sample) -> Rows:
        """Indices of the rows whose inputs and targets allow training."""
        ...

    def fit(self, sample: Sample) -> Artifacts:
        """Fit on the rows of a fold, all trainable. The same rows give the same bytes."""
        ...

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """Predict each row independently of the others, so that batches do not matter.

        The walk-forward passes rows without targets.
        """
        ...


def history_of(*models: object) -> int:
    """The most sessions of a ticker that one of the models or parts reads, at least 1."""
    return max([1, *(each.history_sessions for each in models if isinstance(each, ReadsHistory))])


def libraries_of(*models: object) -> tuple[str, ...]:
    """The packages of extras that the models or parts need to be fitted, sorted."""
    readers = [each for each in models if isinstance(each, ReadsHistory)]
    return tuple(sorted({name for each in readers for name in each.libraries}))


class MadeOfParts:
    """A model that has `parts`: it reads as many sessions, and needs the packages, that they do."""

    parts: tuple[Any, ...]

    @property
    def history_sessions(self) -> int:
        """The most sessions of a ticker that a part reads."""
        return history_of(*self.parts)

    @property
    def libraries(self) -> tuple[str, ...]:
        """Packages of extras that the parts need to be fitted."""
        return libraries_of(*self.parts)


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON bytes that restore floats exactly."""
    return json.dumps(value, sort_keys=True, indent=1).encode()


def from_json(data: bytes) -> Any:
    """The value written by :func:`to_json`."""
    return json.loads(data)
