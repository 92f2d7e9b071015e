"""Scores of predictions, weighted by row so that a bootstrap is one matrix product away.

Every function takes `weights` of shape (draws, rows) and returns one score a draw; a single draw
of ones gives the plain score. Confidence intervals come from the moving block bootstrap
(Kuensch 1989) over sessions: labels of neighbouring sessions overlap, and tickers move together,
so whole blocks of sessions are drawn with all their rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BLOCK_SESSIONS = 21
DRAWS = 400
SMALLEST_PROBABILITY = 1e-15


def block_weights(
    dates: NDArray[np.datetime64],
    *,
    draws: int = DRAWS,
    block: int = BLOCK_SESSIONS,
    seed: int = 0,
) -> Floats:
    """How often each row is drawn, shape (1 + draws, rows); the first row is all ones."""
    sessions, position = np.unique(dates, return_inverse=True)
    count = len(sessions)
    block = min(block, count)
    per_draw = -(-count // block)
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, count - block + 1, size=(draws, per_draw))
    picked = (starts[:, :, None] + np.arange(block)).reshape(draws, per_draw * block)[:, :count]
    times = np.zeros((1 + draws, count))
    times[0] = 1.0
    np.add.at(times, (np.arange(1, draws + 1)[:, None], picked), 1.0)
    return np.asarray(times[:, position])


def auc(score: Floats, positive: Bools, weights: Floats) -> Floats:
    """Area under the ROC curve, ties counted half; NaN where a draw holds one class only."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    drawn = weights[:, order]
    hits = np.add.reduceat(drawn * positive[order], starts, axis=1)
    misses = np.add.reduceat(drawn * ~positive[order], starts, axis=1)
    below = np.cumsum(misses, axis=1) - misses
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    won = (hits * (below + 0.5 * misses)).sum(axis=1)
    return _ratio(won, pairs)


def macro_auc(probabilities: Floats, target: NDArray[np.int64], weights: Floats) -> Floats:
    """Unweighted mean of the one-versus-rest AUC of each class."""
    classes = range(probabilities.shape[1])
    return np.asarray(
        np.mean([auc(probabilities[:, k], target == k, weights) for k in classes], axis=0)
    )


def mean(values: Floats, weights: Floats) -> Floats:
    """Weighted mean of `values`; NaN where a draw is empty."""
    total = weights.sum(axis=1)
    return _ratio((weights * values).sum(axis=1), total)


def log_losses(probabilities: Floats, target: NDArray[np.int64]) -> Floats:
    """-ln of the probability that each row gave to what happened, in nats."""
    chosen = probabilities[np.arange(len(target)), target]
    return np.asarray(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)))


def calibration_error(probabilities: Floats, target: NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error of the predicted class (Guo et al. 2017), equal-width bins."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == target
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = [
        abs(float(right[bin_of == k].mean() - confidence[bin_of == k].mean())) * (bin_of == k).sum()
        for k in np.unique(bin_of)
    ]
    return float(sum(gaps) / len(target))


def interval(draws: Floats) -> tuple[float, float, float]:
    """Score, and the 95% interval of the draws after the first."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not len(drawn):
        return float(draws[0]), float("nan"), float("nan")
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(draws[0]), float(low), float(high)


def _ratio(upper: Floats, lower: Floats) -> Floats:
    found = np.full(len(lower), np.nan)
    np.divide(upper, lower, out=found, where=lower > 0)
    return found
