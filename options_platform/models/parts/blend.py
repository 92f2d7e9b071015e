"""Fold models that average parts: direction probabilities, or changes of the IV rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.contracts import DIRECTIONS
from options_platform.models.base import Artifacts, MadeOfParts, Predictions
from options_platform.models.calibration import Calibration
from options_platform.models.dataset import Rows, Sample
from options_platform.models.parts.base import Part

PROBABILITIES = tuple(f"p_{name}" for name in DIRECTIONS)


@dataclass(frozen=True)
class DirectionBlend(MadeOfParts):
    """The mean of parts that predict probabilities, optionally calibrated on a purged tail."""

    name: str
    parts: tuple[Part, ...]
    window_sessions: int | None = None
    embargo_sessions: int = 0
    calibration: Calibration | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Inputs needed by any part."""
        return _needs(self.parts)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        calibration = None if self.calibration is None else self.calibration.parameters
        return _parameters(self) | {"calibration": calibration}

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known class and known inputs."""
        return np.flatnonzero((sample.direction >= 0) & sample.complete(self.needs))

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the parts on all rows, and the calibration, if any, on predictions of its tail."""
        artifacts = dict(_fit(self.parts, sample))
        if self.calibration is not None:
            before, tail = self.calibration.split(sample)
            if len(before) and len(tail):
                early = _fit(self.parts, sample.take(before))
                raw = self._mean(early, sample.take(tail))
                artifacts["calibration.json"] = self.calibration.fit(raw, sample.direction[tail])
        return artifacts

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """The probabilities, calibrated if the fold has a calibration."""
        mean = self._mean(artifacts, sample)
        if self.calibration is not None and "calibration.json" in artifacts:
            mean = self.calibration.apply(artifacts["calibration.json"], mean)
        return {f"{self.name}:{name}": mean[:, k] for k, name in enumerate(PROBABILITIES)}

    def _mean(self, artifacts: Artifacts, sample: Sample) -> Floats:
        return _mean(self.parts, artifacts, sample)


@dataclass(frozen=True)
class RankBlend(MadeOfParts):
    """Today's IV rank plus the mean change predicted by the parts, clipped to 0 and 1."""

    name: str
    parts: tuple[Part, ...]
    window_sessions: int | None = None
    embargo_sessions: int = 0
    shrink: float = 1.0

    @property
    def needs(self) -> tuple[str, ...]:
        """Inputs needed by any part, and today's rank."""
        return tuple(sorted({*_needs(self.parts), "iv_rank"}))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return _parameters(self) | {"shrink": self.shrink}

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known rank in 5 sessions and known inputs."""
        return np.flatnonzero(np.isfinite(sample.fwd_iv_rank) & sample.complete(self.needs))

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the parts on all rows."""
        return _fit(self.parts, sample)

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """The rank in 5 sessions."""
        mean = _mean(self.parts, artifacts, sample)
        today = sample.column("iv_rank")
        predicted = np.clip(today + self.shrink * mean, 0.0, 1.0)
        complete = sample.complete(self.needs)
        return {f"{self.name}:iv_rank_pred": np.where(complete, predicted, np.nan)}


def _needs(parts: tuple[Part, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for part in parts for name in part.needs}))


def _parameters(blend: DirectionBlend | RankBlend) -> dict[str, Any]:
    return {
        "parts": {p.name: {"kind": type(p).__name__, **p.parameters} for p in blend.parts},
        "window_sessions": blend.window_sessions,
        "embargo_sessions": blend.embargo_sessions,
    }


def _fit(parts: tuple[Part, ...], sample: Sample) -> Artifacts:
    return {f"{part.name}.{part.suffix}": part.fit(sample) for part in parts}


def _mean(parts: tuple[Part, ...], artifacts: Artifacts, sample: Sample) -> Floats:
    predictions = [part.predict(artifacts[f"{part.name}.{part.suffix}"], sample) for part in parts]
    total = predictions[0]
    for values in predictions[1:]:
        total = total + values
    return np.asarray(total / len(predictions))
