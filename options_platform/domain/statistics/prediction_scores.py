"""Scores of predictions, weighted by row so that a bootstrap is a matrix product.

Functions with `weights` of shape (draws, rows) return one score per draw; a single draw of ones
gives the plain score. Confidence intervals come from the block bootstrap (Kuensch 1989) over
sessions: labels of neighbouring sessions overlap and tickers move together, so whole blocks of
sessions are drawn with all their rows. Blocks wrap around the ends (Politis and Romano 1992), so
that each session is drawn equally often.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats

Bools = NDArray[np.bool_]

BLOCK_SESSIONS = 21
FEWEST_BLOCKS = 5
DRAWS = 400
SMALLEST_PROBABILITY = 1e-15


def block_weights(
    dates: NDArray[np.datetime64],
    *,
    draws: int = DRAWS,
    block: int = BLOCK_SESSIONS,
    seed: int = 0,
) -> Floats:
    """How often each row is drawn, shape (1 + draws, rows); the first row is all ones.

    Short histories are divided into at least five blocks, so that the interval is not degenerate.
    """
    sessions, position = np.unique(dates, return_inverse=True)
    count = len(sessions)
    block = _block(count, block)
    per_draw = -(-count // block)
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, count, size=(draws, per_draw))
    picked = (starts[:, :, None] + np.arange(block)).reshape(draws, per_draw * block)[:, :count]
    picked %= count
    times = np.zeros((1 + draws, count))
    times[0] = 1.0
    np.add.at(times, (np.arange(1, draws + 1)[:, None], picked), 1.0)
    return np.asarray(times[:, position])


def block_count(dates: NDArray[np.datetime64], block: int = BLOCK_SESSIONS) -> int:
    """Number of session blocks in one draw of :func:`block_weights`."""
    count = len(np.unique(dates))
    return -(-count // _block(count, block))


def _block(sessions: int, longest: int) -> int:
    return min(longest, max(1, sessions // FEWEST_BLOCKS))


def auc(score: Floats, positive: Bools, weights: Floats) -> Floats:
    """Area under the ROC curve, ties counted half; NaN for draws with one class only."""
    misses = score[~positive]
    order = np.argsort(misses, kind="stable")
    below = np.zeros((len(weights), len(misses) + 1))
    np.cumsum(weights[:, ~positive][:, order], axis=1, out=below[:, 1:])
    ranked, hits = misses[order], score[positive]
    lower = np.searchsorted(ranked, hits, side="left")
    upper = np.searchsorted(ranked, hits, side="right")
    beaten = below[:, lower]
    if not np.array_equal(lower, upper):
        beaten = 0.5 * (beaten + below[:, upper])
    drawn = weights[:, positive]
    won = np.einsum("ij,ij->i", drawn, beaten)
    return _ratio(won, drawn.sum(axis=1) * below[:, -1])


def mean(values: Floats, weights: Floats) -> Floats:
    """Weighted mean of `values` for each draw; NaN for an empty draw."""
    total = weights.sum(axis=1)
    return _ratio(_weighted_sums(weights, values), total)


def log_losses(probabilities: Floats, target: NDArray[np.int64]) -> Floats:
    """Log loss of each row in nats: -ln of the probability of the actual class."""
    chosen = probabilities[np.arange(len(target)), target]
    return np.asarray(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)))


def brier_scores(probabilities: Floats, target: NDArray[np.int64]) -> Floats:
    """Squared distance between each row's probabilities and the outcome, 0 to 2 (Brier 1950)."""
    happened = np.eye(probabilities.shape[1])[target]
    return np.asarray(((probabilities - happened) ** 2).sum(axis=1))


def balanced_accuracy(
    predicted: NDArray[np.int64], target: NDArray[np.int64], weights: Floats
) -> Floats:
    """Mean recall over the classes that occur; NaN for draws without one of them."""
    right = (predicted == target).astype(np.float64)
    recalls = [mean(right[target == k], weights[:, target == k]) for k in np.unique(target)]
    return np.asarray(np.mean(recalls, axis=0))


def calibration_errors(
    probabilities: Floats, target: NDArray[np.int64], weights: Floats, bins: int = 10
) -> Floats:
    """Expected calibration error of the predicted class (Guo et al. 2017), equal-width bins."""
    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == target) - confidence
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    inside = np.eye(bins)[bin_of]
    gaps = np.abs(weights @ (inside * gap[:, None])).sum(axis=1)
    return _ratio(gaps, weights.sum(axis=1))


def calibration_error(probabilities: Floats, target: NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error of the rows, unweighted."""
    return float(calibration_errors(probabilities, target, np.ones((1, len(target))), bins)[0])


def qlike(forecast: Floats, realised: Floats) -> Floats:
    """QLIKE loss of variance forecasts, r - ln r - 1 with r = realised / forecast (Patton 2011).

    It is robust to noise in the realised variance and penalises low forecasts more. Both arguments
    are positive variances.
    """
    ratio = realised / forecast
    return np.asarray(ratio - np.log(ratio) - 1.0)


def skill(error: Floats, naive_error: Floats, weights: Floats) -> Floats:
    """1 - MSE / MSE of the naive forecast for each draw; positive is better than naive."""
    return 1.0 - _ratio(_weighted_sums(weights, error**2), _weighted_sums(weights, naive_error**2))


def interval(draws: Floats) -> tuple[float, float, float]:
    """(score, low, high): the first draw, and the 95% interval of the others."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not len(drawn):
        return float(draws[0]), float("nan"), float("nan")
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(draws[0]), float(low), float(high)


def student_low(draws: Floats, blocks: int, tail: float, least_error: float = 0.0) -> float:
    """Lower confidence bound from Student's t and the bootstrap standard error.

    The probability below the bound is `tail`, with `blocks` - 1 degrees of freedom; -inf for one
    block. Unlike a quantile of the draws, it is wide enough with few blocks and not limited by the
    number of draws (Efron and Tibshirani 1993, chapter 12). The standard error is at least
    `least_error`.
    """
    from scipy.special import stdtrit

    if blocks < 2:
        return float("-inf")
    error = max(float(np.nanstd(draws[1:], ddof=1)), least_error)
    return float(draws[0] + stdtrit(blocks - 1, tail) * error)


def _weighted_sums(weights: Floats, values: Floats) -> Floats:
    # Not `@`: a BLAS product depends on the number of threads in its last bits.
    return np.asarray(np.einsum("ij,j->i", weights, values))


def _ratio(upper: Floats, lower: Floats) -> Floats:
    ratios = np.full(len(lower), np.nan)
    np.divide(upper, lower, out=ratios, where=lower > 0)
    return ratios
