"""Calibration of probabilities on the newest part of the training window, with purging.

A logit on the logarithms of the raw probabilities (vector scaling, Guo et al. 2017). It is fitted
to predictions of a model trained only on labels known before the calibration tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.models.base import from_json, to_json
from options_platform.models.dataset import Rows, Sample
from options_platform.models.linear import fit_logit, predict_logit
from options_platform.models.walk_forward import purged_tail

SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Calibration:
    """Calibrate on the last `tail_sessions` of the training window.

    `fewest_sessions` must remain before the tail, otherwise there is no calibration.
    """

    tail_sessions: int = 252
    fewest_sessions: int = 252
    inverse_penalty: float = 0.1

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return asdict(self)

    def split(self, sample: Sample) -> tuple[Rows, Rows]:
        """Rows to fit the model and rows to calibrate on; both empty if the window is too short."""
        return purged_tail(
            sample.dates,
            sample.known_on,
            tail_sessions=self.tail_sessions,
            fewest_sessions=self.fewest_sessions,
        )

    def fit(self, raw: Floats, direction: Rows) -> bytes:
        """Fit to the raw probabilities and the actual classes of the tail."""
        fit = fit_logit(_logs(raw), direction, classes=3, inverse_penalty=self.inverse_penalty)
        return to_json(fit)

    def apply(self, fitted: bytes, raw: Floats) -> Floats:
        """Calibrated probabilities; NaN stays NaN."""
        predicted = np.asarray(np.isfinite(raw).all(axis=1))
        calibrated = predict_logit(
            from_json(fitted), _logs(np.where(predicted[:, None], raw, 1 / 3))
        )
        return np.where(predicted[:, None], calibrated, np.nan)


def _logs(raw: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(raw, SMALLEST_PROBABILITY)))
