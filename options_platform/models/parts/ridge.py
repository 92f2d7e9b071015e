"""Ridge regression of the change of the IV rank."""

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
    """Ridge on `inputs`, and on the logarithms of `logs`.

    With `robust` it uses the Huber loss, which gives large surprises less weight.
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
        """Everything besides the data that determines the fit."""
        return asdict(self)

    def fit(self, sample: Sample) -> bytes:
        """Fit the change of the IV rank over the next 5 sessions."""
        change = sample.fwd_iv_rank - sample.column("iv_rank")
        fit = fit_huber if self.robust else fit_ridge
        return to_json(fit(self._inputs(sample), change, penalty=self.penalty))

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """The change of the IV rank over the next 5 sessions."""
        change = predict_ridge(from_json(fitted), self._inputs(sample))
        return np.where(sample.complete(self.needs), change, np.nan)

    def _inputs(self, sample: Sample) -> Floats:
        logs = np.log(np.maximum(sample.matrix(self.logs), SMALLEST))
        inputs = np.column_stack([sample.matrix(self.inputs), logs])
        return np.asarray(np.nan_to_num(inputs), dtype=np.float64)
