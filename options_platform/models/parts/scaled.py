"""Direction from volatility: the return is modelled as forecast volatility times noise.

A HAR regression forecasts the volatility s of the next 5 sessions. The noise r / s of the training
rows is assumed to have the same distribution at any level of volatility, so P(r > b) is the
fraction of the noise above b / s, with b the width of the neutral class: 1%, or a stock's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.domain.feature_engine.labels import HORIZON, NEUTRAL_BAND
from options_platform.domain.features.windows import TRADING_DAYS
from options_platform.models.base import from_json, to_json
from options_platform.models.dataset import Sample
from options_platform.models.linear import fit_ridge, predict_ridge
from options_platform.models.stock_rows import BAND

SMALLEST_VOLATILITY = 1e-3
QUANTILES = 199
FRACTION_OF_YEAR = math.sqrt(HORIZON / TRADING_DAYS)


@dataclass(frozen=True)
class ScaledReturns:
    """HAR volatility, and the empirical distribution of returns scaled by it."""

    logs: tuple[str, ...] = ("hv_5", "hv_20", "hv_60", "parkinson_hv", "vix")
    name: str = "scaled"
    penalty: float = 1.0
    suffix: str = "json"

    @property
    def needs(self) -> tuple[str, ...]:
        """The volatilities."""
        return self.logs

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return asdict(self)

    def fit(self, sample: Sample) -> bytes:
        """Fit the volatility, and store quantiles of the scaled returns."""
        labelled = np.isfinite(sample.fwd_rv) & np.isfinite(sample.fwd_return)
        target = np.log(np.maximum(sample.fwd_rv, SMALLEST_VOLATILITY))
        inputs = self._inputs(sample)
        volatility = fit_ridge(inputs[labelled], target[labelled], penalty=self.penalty)
        scale = np.exp(predict_ridge(volatility, inputs[labelled])) * FRACTION_OF_YEAR
        levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
        noise = np.quantile(sample.fwd_return[labelled] / scale, levels)
        return to_json({"volatility": volatility, "noise": noise.tolist()})

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """Probabilities of the three classes."""
        fit = from_json(fitted)
        complete = sample.complete(self.logs)
        scale = np.exp(predict_ridge(fit["volatility"], self._inputs(sample))) * FRACTION_OF_YEAR
        noise = np.array(fit["noise"])
        levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
        # Of a stock the neutral class may be wider or narrower than 1%.
        band = sample.column(BAND) if BAND in sample.names else NEUTRAL_BAND
        bearish = np.interp(-band / scale, noise, levels)
        bullish = 1.0 - np.interp(band / scale, noise, levels)
        probabilities = np.column_stack([bearish, 1.0 - bearish - bullish, bullish])
        return np.asarray(np.where(complete[:, None], probabilities, np.nan))

    def _inputs(self, sample: Sample) -> Floats:
        return np.nan_to_num(np.log(np.maximum(sample.matrix(self.logs), SMALLEST_VOLATILITY)))
