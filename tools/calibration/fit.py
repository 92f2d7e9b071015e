"""Fit of the smiles: five numbers of a class, and each ticker's deviation from them.

Points are out-of-the-money quotes that pass the platform's quality gates, of 2 to 60 delta and 7 to
90 days, quoted within two vol points of their mid. A residual is the volatility of the smile at the
chain's own volatility at the money less the implied one, in vol points, under the soft-l1 loss.
Every market (month) has the same weight, within it every chain. A ticker's deviation is held by a
ridge of strength `RIDGE`, which is chosen by the errors with each market left out in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from options_platform.common import Floats
from options_platform.domain.chain.learning import fit_points
from options_platform.domain.chain.learning.smiles import (
    RIDGE,
    SPREADS,
    bounded,
    smile_errors,
    smile_of,
)
from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.chain.surface import LEVEL_AT
from tools.calibration.load import RealChain, closes

CLASSES = {"fund": ("SPY", "QQQ"), "stock": ("AAPL", "NVDA", "GOOG")}
RIDGES = (0.1, 1.0, 10.0, 100.0)
START = np.array([0.85, 0.1, 0.6, -0.6, 0.1])
COUNT = len(START)


def fit_smiles(chains: Sequence[RealChain], ridge: float = RIDGE) -> dict[str, Smile]:
    """The smiles of the classes that have chains, and of their tickers."""
    smiles: dict[str, Smile] = {}
    for name, tickers in CLASSES.items():
        members = [chain for chain in chains if chain.ticker in tickers]
        if members:
            shared, own = _fit_class(members, ridge)
            smiles |= {name: shared} | own
    return smiles


def left_out(chains: Sequence[RealChain], market: str, ridge: float = RIDGE) -> dict[str, Smile]:
    """The smiles fitted to the chains of all other markets."""
    return fit_smiles([chain for chain in chains if chain.market != market], ridge)


def without_ticker(chains: Sequence[RealChain], ticker: str) -> Smile:
    """The smile of the ticker's class, fitted to the class's other tickers."""
    name = next(name for name, tickers in CLASSES.items() if ticker in tickers)
    return fit_smiles([chain for chain in chains if chain.ticker != ticker])[name]


def fit_term(folder: Path) -> tuple[tuple[float, float], ...]:
    """a and b of ln(index / VIX) = a + b ln(VIX / 20), for 9, 93 and 182 days."""
    vix = closes(folder, "VIX")
    coefficients = []
    for name in ("VIX9D", "VIX3M", "VIX6M"):
        both = vix.join(closes(folder, name), on="date", suffix="_other")
        base, other = both["close"].to_numpy(), both["close_other"].to_numpy()
        slope, start = np.polyfit(np.log(base / LEVEL_AT), np.log(other / base), 1)
        coefficients.append((round(float(start), 3), round(float(slope), 3)))
    return tuple(coefficients)


def _fit_class(members: Sequence[RealChain], ridge: float) -> tuple[Smile, dict[str, Smile]]:
    tickers = sorted({chain.ticker for chain in members})
    fitted = [(chain, points) for chain in members if (points := fit_points(chain.points)).height]
    markets = [chain.market for chain, _ in fitted]
    batches = [
        (tickers.index(chain.ticker), points, 1.0 / np.sqrt(points.height * markets.count(market)))
        for (chain, points), market in zip(fitted, markets, strict=True)
    ]

    def numbers(vector: Floats, ticker: int) -> Floats:
        return bounded(vector[:COUNT] + vector[COUNT:].reshape(-1, COUNT)[ticker])

    def residuals(vector: Floats) -> Floats:
        errors = [
            weight * smile_errors(numbers(vector, at), points) for at, points, weight in batches
        ]
        deviations = vector[COUNT:].reshape(-1, COUNT) / SPREADS
        return np.concatenate([*errors, np.sqrt(ridge) * deviations.ravel()])

    start = np.concatenate([START, np.zeros(COUNT * len(tickers))])
    solution = least_squares(residuals, start, loss="soft_l1", max_nfev=200).x
    own = {ticker: smile_of(numbers(solution, at)) for at, ticker in enumerate(tickers)}
    return smile_of(bounded(solution[:COUNT])), own
