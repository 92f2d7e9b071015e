"""Ridge regression of the rank's change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.models.base import from_json, to_json
from options_platform.models.dataset import Sample
from options_platform.models.linear import fit_huber, fit_ridge, predict_ridge

SMALLEST = 1e-4


@dataclass(frozen=True)
class Ridge:
    """Ridge on `inputs`, whose `logs` enter as logarithms.

    `robust` has Huber's loss in place of squares: large surprises pull less.
    """

    inputs: tuple[str, ...]
    logs: tuple[str, ...] = ()
    name: str = "ridge"
    penalty: float = 50.0
    robust: bool = False
    suffix: str = "json"

    @property
    def needs(self) -> tuple[str, ...]:
        """All inputs."""
        return (*self.inputs, *self.logs)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All that decides the fit beside the data."""
        return asdict(self)

    def fit(self, sample: Sample) -> bytes:
        """Fit the change of the rank."""
        change = sample.fwd_iv_rank - sample.column("iv_rank")
        fit = fit_huber if self.robust else fit_ridge
        return to_json(fit(self._inputs(sample), change, penalty=self.penalty))

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """The change of the rank."""
        found = predict_ridge(from_json(fitted), self._inputs(sample))
        return np.where(sample.complete(self.needs), found, np.nan)

    def _inputs(self, sample: Sample) -> Floats:
        logs = np.log(np.maximum(sample.matrix(self.logs), SMALLEST))
        found = np.column_stack([sample.matrix(self.inputs), logs])
        return np.asarray(np.nan_to_num(found), dtype=np.float64)
