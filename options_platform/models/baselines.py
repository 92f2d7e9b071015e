"""Naive forecasts that every model must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts import DIRECTIONS
from options_platform.models.base import Artifacts, Predictions, from_json, to_json
from options_platform.models.dataset import Rows, Sample
from options_platform.models.linear import fit_ridge, predict_ridge

MEAN_SESSIONS = 20


@dataclass(frozen=True)
class PriorDirection:
    """Predicts the class frequencies of the training rows for every row."""

    name: str = "prior"
    window_sessions: int | None = None
    embargo_sessions: int = 0
    needs: tuple[str, ...] = ("vix", "hv_20")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return dict(self.__dict__)

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known class and the inputs needed by the models compared with it."""
        return np.flatnonzero((sample.direction >= 0) & sample.complete(self.needs))

    def fit(self, sample: Sample) -> Artifacts:
        """Compute the class frequencies."""
        counts = np.bincount(sample.direction, minlength=len(DIRECTIONS))
        return {"prior.json": to_json({"prior": (counts / counts.sum()).tolist()})}

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """The same frequencies for each row."""
        prior = from_json(artifacts["prior.json"])["prior"]
        complete = sample.complete(self.needs)
        return {
            f"{self.name}:p_{name}": np.where(complete, prior[k], np.nan)
            for k, name in enumerate(DIRECTIONS)
        }


@dataclass(frozen=True)
class AutoregressiveRank:
    """AR(1) at the horizon: IV rank in 5 sessions regressed on today's, by least squares."""

    name: str = "ar1"
    window_sessions: int | None = None
    embargo_sessions: int = 0

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return dict(self.__dict__)

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known IV rank today and in 5 sessions."""
        return np.flatnonzero(np.isfinite(sample.fwd_iv_rank) & sample.complete(("iv_rank",)))

    def fit(self, sample: Sample) -> Artifacts:
        """Fit slope and intercept."""
        fit = fit_ridge(sample.matrix(("iv_rank",)), sample.fwd_iv_rank, penalty=0.0)
        return {"ar1.json": to_json(fit)}

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """The IV rank in 5 sessions."""
        predicted = predict_ridge(from_json(artifacts["ar1.json"]), sample.matrix(("iv_rank",)))
        return {f"{self.name}:iv_rank_pred": predicted}


def naive_ranks(features: pl.DataFrame) -> pl.DataFrame:
    """Naive forecasts of the IV rank from rows of `features`.

    Columns date, ticker, persistence (today's rank) and rolling_mean (mean of the last 20 sessions,
    today included; null before the 20th).
    """
    return (
        features.sort("ticker", "date")
        .select(
            "date",
            "ticker",
            persistence="iv_rank",
            rolling_mean=pl.col("iv_rank").rolling_mean(MEAN_SESSIONS).over("ticker"),
        )
        .sort("date", "ticker")
    )
