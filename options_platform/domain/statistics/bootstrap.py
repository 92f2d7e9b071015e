"""Confidence intervals by the circular block bootstrap over sessions (Politis and Romano 1992).

Blocks preserve the dependence of neighbouring sessions: positions stay open for weeks and
volatility clusters. For a difference of two curves, both are drawn with the same blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats

Statistic = Callable[[Floats], Floats]

BLOCK_SESSIONS = 21
DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval at `LEVEL`, from quantiles of the draws."""

    value: float
    low: float
    high: float


def block_positions(
    count: int, *, draws: int = DRAWS, block: int = BLOCK_SESSIONS, seed: int = 0
) -> NDArray[np.int64]:
    """Bootstrap positions in `count` sessions, shape [draws, count]; blocks wrap around the end."""
    block = max(1, min(block, count))
    starts = np.random.default_rng(seed).integers(0, count, size=(draws, -(-count // block)))
    picked = (starts[:, :, None] + np.arange(block)) % count
    return np.asarray(picked.reshape(draws, -1)[:, :count], dtype=np.int64)


def bootstrap_interval(
    returns: Floats,
    statistic: Statistic,
    *,
    draws: int = DRAWS,
    block: int = BLOCK_SESSIONS,
    seed: int = 0,
) -> Interval:
    """Interval of a statistic of daily returns; `statistic` reduces the last axis."""
    drawn = statistic(returns[block_positions(len(returns), draws=draws, block=block, seed=seed)])
    return interval_of(float(statistic(returns)), drawn)


def interval_of(value: float, drawn: Floats) -> Interval:
    """Interval of a value from its draws; draws that are not finite are ignored."""
    finite_draws = drawn[np.isfinite(drawn)]
    if not len(finite_draws):
        return Interval(value, float("nan"), float("nan"))
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(finite_draws, [tail, 1.0 - tail])
    return Interval(value, float(low), float(high))
