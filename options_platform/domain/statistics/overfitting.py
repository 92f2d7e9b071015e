"""Overfitting: how much of the best of many trials is luck.

The deflated Sharpe ratio (Bailey and Lopez de Prado 2014, Journal of Portfolio Management 40(5))
tests whether the best Sharpe ratio exceeds the maximum expected from that many trials without
skill. The probability of backtest overfitting (Bailey, Borwein, Lopez de Prado and Zhu 2017,
Journal of Computational Finance 20(4)) is how often the best trial of one half of the time is below
the median in the other half, over all ways to split the time in halves (CSCV).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from options_platform.common import Floats

EULER_MASCHERONI = 0.5772156649015329
PARTITIONS = 16


def sharpe_ratio(returns: Floats) -> float:
    """Mean over standard deviation (n - 1) of returns, per period; NaN if they do not vary."""
    if len(returns) < 2 or np.ptp(returns) == 0.0:
        return float("nan")
    return float(np.mean(returns) / np.std(returns, ddof=1))


def probabilistic_sharpe_ratio(
    sharpe: float, benchmark: float, *, periods: int, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark`; both per period.

    Args:
        sharpe: observed ratio.
        benchmark: ratio to exceed.
        periods: number of returns.
        skewness: skewness of the returns.
        kurtosis: kurtosis of the returns, 3 for normal ones.
    """
    from scipy.special import ndtr

    spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return float(ndtr((sharpe - benchmark) * np.sqrt(periods - 1) / np.sqrt(spread)))


def expected_best_sharpe(variance: float, trials: int) -> float:
    """Expected maximum Sharpe ratio, per period, of `trials` without skill.

    Args:
        variance: variance of the trials' Sharpe ratios, per period.
        trials: number of independent trials; the result is 0 for a single one.
    """
    from scipy.special import ndtri

    if trials < 2:
        return 0.0
    first = ndtri(1.0 - 1.0 / trials)
    second = ndtri(1.0 - 1.0 / (trials * np.e))
    weighted = (1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second
    return float(np.sqrt(variance) * weighted)


def deflated_sharpe_ratio(
    sharpe: float,
    *,
    periods: int,
    variance: float,
    trials: int,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Probability that the best of `trials` has skill; above 0.95 luck is an unlikely explanation.

    Arguments as in :func:`probabilistic_sharpe_ratio` and :func:`expected_best_sharpe`.
    """
    return probabilistic_sharpe_ratio(
        sharpe,
        expected_best_sharpe(variance, trials),
        periods=periods,
        skewness=skewness,
        kurtosis=kurtosis,
    )


def deflated_best(returns: Floats, *, others: Sequence[float] = (), unrecorded: int = 0) -> float:
    """Deflated Sharpe ratio of the best column of `returns`, shape (periods, trials).

    `others` are Sharpe ratios per period of trials over other periods: they count as trials, but
    cannot be the best. Include each trial once, because copies reduce the variance between trials.
    A trial that never varies has no ratio and does not count; NaN if no column varies.
    `unrecorded` trials, whose ratios are not known, count too; the variance between trials is then
    at least that of luck alone, 1 / periods.
    """
    # Loading scipy.stats takes a second, and every daily run imports this module.
    from scipy.stats import kurtosis, skew

    ratios = np.array([sharpe_ratio(column) for column in returns.T])
    if not np.isfinite(ratios).any():
        return float("nan")
    best = int(np.nanargmax(ratios))
    ratio = ratios[best]
    ratios = np.concatenate([ratios, np.array(others, dtype=np.float64)])
    defined = ratios[np.isfinite(ratios)]
    variance = float(np.var(defined, ddof=1)) if len(defined) > 1 else 0.0
    return deflated_sharpe_ratio(
        ratio,
        periods=len(returns),
        variance=max(variance, 1.0 / len(returns)) if unrecorded else variance,
        trials=len(defined) + unrecorded,
        skewness=float(skew(returns[:, best])),
        kurtosis=float(kurtosis(returns[:, best], fisher=False)),
    )


def overfitting_logits(
    returns: Floats,
    *,
    partitions: int = PARTITIONS,
    measure: Literal["sharpe", "mean"] = "sharpe",
) -> Floats:
    """Logits of the out-of-sample rank of the in-sample best trial, one per split in halves.

    Args:
        returns: shape (periods, trials), in chronological order; periods at the end beyond a
            multiple of `partitions` are dropped.
        partitions: even number of time blocks, from which both halves are combined.
        measure: ranking criterion of the trials.

    Raises:
        ValueError: an odd number of partitions, fewer than two periods per partition, or fewer
            than two trials.
    """
    periods, trials = returns.shape
    length = periods // partitions
    if partitions % 2 or length < 2 or trials < 2:
        raise ValueError(
            f"{periods} periods of {trials} trials in {partitions} partitions: it takes an even "
            "number of partitions, two periods in each, and two trials"
        )
    blocks = returns[: length * partitions].reshape(partitions, length, trials)
    chosen = _halves(partitions)
    inside = _performance(blocks, chosen, measure)
    outside = _performance(blocks, 1.0 - chosen, measure)
    best = inside.argmax(axis=1)
    reached = outside[np.arange(len(best)), best]
    # Relative rank in (0, 1); ties share their rank.
    below = (outside < reached[:, None]).sum(axis=1)
    ties = (outside == reached[:, None]).sum(axis=1)
    rank = (below + (ties + 1) / 2) / (trials + 1)
    return np.asarray(np.log(rank / (1.0 - rank)))


def overfitting_probability(
    returns: Floats,
    *,
    partitions: int = PARTITIONS,
    measure: Literal["sharpe", "mean"] = "sharpe",
) -> float:
    """Fraction of splits in which the in-sample best is not above the out-of-sample median."""
    logits = overfitting_logits(returns, partitions=partitions, measure=measure)
    return float((logits <= 0.0).mean())


def _halves(partitions: int) -> Floats:
    """All ways to choose half of the partitions, one per row, as zeros and ones."""
    picks = np.array(list(combinations(range(partitions), partitions // 2)))
    chosen = np.zeros((len(picks), partitions))
    np.put_along_axis(chosen, picks, 1.0, axis=1)
    return chosen


def _performance(blocks: Floats, chosen: Floats, measure: str) -> Floats:
    """Sharpe ratio or mean of each trial in each chosen half, shape (splits, trials)."""
    count = chosen.sum(axis=1, keepdims=True) * blocks.shape[1]
    mean = chosen @ blocks.sum(axis=1) / count
    if measure == "mean":
        return np.asarray(mean)
    squares = chosen @ (blocks**2).sum(axis=1)
    variance = np.maximum(squares - count * mean**2, 0.0) / (count - 1.0)
    ratio: Floats = np.zeros_like(mean)
    np.divide(mean, np.sqrt(variance), out=ratio, where=variance > 0.0)
    return ratio
