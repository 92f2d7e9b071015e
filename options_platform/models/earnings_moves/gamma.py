"""Gamma regression of |move| on the logs of three sizes, pooled over tickers.

    ln E|move| = a + b1 ln mean_8 + b2 ln mean_all + b3 ln vol_60

Inputs are standardised, weights have an L2 penalty. Predictions add column after column, so that a
row has the same prediction whatever its batch (as in `models/linear.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from options_platform.common import Floats

NAME = "earnings_move"
INPUTS = ("mean_8", "mean_all", "vol_60")
PENALTY = 0.05
SMALLEST = 1e-4
"""A move of zero counts as this, since a gamma distribution has none."""

Fit = Mapping[str, Any]


def fit_gamma(inputs: Floats, sizes: Floats) -> dict[str, Any]:
    """The fit as JSON numbers; `inputs` has shape (reports, 3), in the order of `INPUTS`."""
    from sklearn.linear_model import GammaRegressor
    from threadpoolctl import threadpool_limits

    logs = np.log(inputs)
    mean, scale = logs.mean(axis=0), logs.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    with threadpool_limits(1):
        model = GammaRegressor(alpha=PENALTY, solver="newton-cholesky", tol=1e-8, max_iter=200)
        model.fit((logs - mean) / scale, np.maximum(sizes, SMALLEST))
    return {
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "coefficients": [float(weight) for weight in model.coef_],
        "intercept": float(model.intercept_),
    }


def predict_gamma(fit: Fit, inputs: Floats) -> Floats:
    """The expected |move| of each row, shape (rows,); NaN where an input is missing or zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(inputs)
    total = np.full(len(logs), fit["intercept"])
    parts = zip(fit["mean"], fit["scale"], fit["coefficients"], strict=True)
    for column, (mean, scale, weight) in enumerate(parts):
        total = total + weight * (logs[:, column] - mean) / scale
    return np.where(np.isfinite(total), np.exp(total), np.nan)
