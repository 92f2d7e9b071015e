"""How a stock moves with the market: beta, correlation, what is its own, relative strength.

Log returns over the last 60 sessions, sample statistics; the market is SPY.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.domain.earnings.event_variance import SESSIONS_A_YEAR

WINDOW = 60
FITTED = 2


@dataclass(frozen=True)
class MarketRelation:
    """Beta and correlation with the market; `idio_vol` is the annualised volatility of the rest."""

    beta: float
    corr: float
    idio_vol: float


def market_relation(closes: Floats, market: Floats) -> MarketRelation:
    """The relation over the last 60 log returns of both series of closes, of the same sessions.

    NaN with fewer than 61 closes, or with one that is missing (NaN).
    """
    if closes.size <= WINDOW:
        return MarketRelation(np.nan, np.nan, np.nan)
    own, index = (np.diff(np.log(series[-WINDOW - 1 :])) for series in (closes, market))
    covariance = np.cov(own, index)
    beta = covariance[0, 1] / covariance[1, 1]
    rest = own - own.mean() - beta * (index - index.mean())
    return MarketRelation(
        float(beta),
        float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])),
        float(np.sqrt(np.sum(rest**2) / (WINDOW - FITTED) * SESSIONS_A_YEAR)),
    )


def relative_strength(closes: Floats, market: Floats, sessions: int) -> float:
    """Growth over `sessions` relative to the market's, less one; NaN with fewer closes."""
    if closes.size <= sessions:
        return float("nan")
    own, index = (series[-1] / series[-1 - sessions] for series in (closes, market))
    return float(own / index - 1.0)
