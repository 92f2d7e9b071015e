"""Linear models on standardised inputs, fitted with scikit-learn and stored as JSON numbers.

Predictions add column after column instead of using a matrix product: BLAS sums in an order that
depends on the number of rows, and the result of a row must not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.models.dataset import Rows

Fit = dict[str, Any]


def fit_logit(inputs: Floats, target: Rows, *, classes: int, inverse_penalty: float) -> Fit:
    """Multinomial logistic regression with an L2 penalty.

    A class without training rows gets probability 0.

    Args:
        inputs: shape (rows, inputs).
        target: class numbers from 0, shape (rows,).
        classes: number of classes.
        inverse_penalty: scikit-learn's `C`.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    present = [int(number) for number in np.unique(target)]
    mean, scale = _moments(inputs)
    fit: Fit = {"mean": mean, "scale": scale, "classes": classes, "seen": present}
    if len(present) == 1:
        return {**fit, "coefficients": [[0.0] * inputs.shape[1]], "intercepts": [0.0]}
    with threadpool_limits(1):
        model = LogisticRegression(C=inverse_penalty, max_iter=1000).fit(
            (inputs - mean) / scale, target
        )
    coefficients, intercepts = model.coef_, model.intercept_
    if len(present) == 2:
        # For two classes scikit-learn has one row of coefficients, of the second against the first.
        coefficients = np.vstack([np.zeros_like(coefficients[0]), coefficients[0]])
        intercepts = np.array([0.0, intercepts[0]])
    return {**fit, "coefficients": coefficients.tolist(), "intercepts": intercepts.tolist()}


def predict_logit(fit: Mapping[str, Any], inputs: Floats) -> Floats:
    """Probabilities, shape (rows, classes); NaN in a row with a missing input."""
    scores = np.stack(
        [
            _score(fit, inputs, weights, intercept)
            for weights, intercept in zip(fit["coefficients"], fit["intercepts"], strict=True)
        ],
        axis=1,
    )
    probabilities = np.zeros((len(inputs), fit["classes"]))
    probabilities[:, fit["seen"]] = softmax(scores)
    return probabilities


def fit_ridge(inputs: Floats, target: Floats, *, penalty: float) -> Fit:
    """Ridge regression; `residual_std` is the standard deviation of the residuals."""
    from sklearn.linear_model import Ridge
    from threadpoolctl import threadpool_limits

    mean, scale = _moments(inputs)
    with threadpool_limits(1):
        model = Ridge(alpha=penalty, solver="cholesky").fit((inputs - mean) / scale, target)
    fit: Fit = {
        "mean": mean,
        "scale": scale,
        "coefficients": [float(weight) for weight in model.coef_],
        "intercept": float(model.intercept_),
    }
    residual = target - predict_ridge(fit, inputs)
    return {**fit, "residual_std": float(np.std(residual))}


def fit_huber(inputs: Floats, target: Floats, *, penalty: float, epsilon: float = 1.35) -> Fit:
    """Linear regression with Huber loss, linear beyond `epsilon` deviations (Huber 1964)."""
    from sklearn.linear_model import HuberRegressor
    from threadpoolctl import threadpool_limits

    mean, scale = _moments(inputs)
    with threadpool_limits(1):
        model = HuberRegressor(alpha=penalty, epsilon=epsilon, max_iter=1000).fit(
            (inputs - mean) / scale, target
        )
    return {
        "mean": mean,
        "scale": scale,
        "coefficients": [float(weight) for weight in model.coef_],
        "intercept": float(model.intercept_),
    }


def predict_ridge(fit: Mapping[str, Any], inputs: Floats) -> Floats:
    """Predictions, shape (rows,); NaN in a row with a missing input."""
    return _score(fit, inputs, fit["coefficients"], fit["intercept"])


def softmax(scores: Floats) -> Floats:
    """Softmax over the columns, summed in fixed order."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    total = shifted[:, 0].copy()
    for column in range(1, scores.shape[1]):
        total = total + shifted[:, column]
    return np.asarray(shifted / total[:, None], dtype=np.float64)


def _score(
    fit: Mapping[str, Any], inputs: Floats, weights: Sequence[float], intercept: float
) -> Floats:
    score = np.full(len(inputs), float(intercept))
    for column, weight in enumerate(weights):
        score = score + weight * ((inputs[:, column] - fit["mean"][column]) / fit["scale"][column])
    return score


def _moments(inputs: Floats) -> tuple[list[float], list[float]]:
    mean = inputs.mean(axis=0)
    scale = inputs.std(axis=0)
    scale[scale == 0.0] = 1.0
    return mean.tolist(), scale.tolist()
