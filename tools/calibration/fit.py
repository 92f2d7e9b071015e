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
import polars as pl
from scipy.optimize import least_squares

from options_platform.common import Floats
from options_platform.domain.chain.ssvi import Smile, SmileRows, curvature, total_variance
from options_platform.domain.chain.surface import LEVEL_AT
from tools.calibration.load import RealChain, closes

CLASSES = {"fund": ("SPY", "QQQ"), "stock": ("AAPL", "NVDA", "GOOG")}
RIDGES = (0.1, 1.0, 10.0, 100.0)
RIDGE = 10.0
SPREADS = np.array([0.1, 0.1, 0.3, 0.05, 0.05])
START = np.array([0.85, 0.1, 0.6, -0.6, 0.1])
COUNT = len(START)
WIDEST_POINTS = 2.0
LARGEST_CHI = 1.5
# A steeper wing would contradict later expiries.
STEEPEST_WING = 0.11


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
    fitted = [(chain, points) for chain in members if (points := fit_points(chain)).height]
    markets = [chain.market for chain, _ in fitted]
    batches = [
        (tickers.index(chain.ticker), points, 1.0 / np.sqrt(points.height * markets.count(market)))
        for (chain, points), market in zip(fitted, markets, strict=True)
    ]

    def numbers(vector: Floats, ticker: int) -> Floats:
        return _bounded(vector[:COUNT] + vector[COUNT:].reshape(-1, COUNT)[ticker])

    def residuals(vector: Floats) -> Floats:
        errors = [
            weight * smile_errors(numbers(vector, at), points) for at, points, weight in batches
        ]
        deviations = vector[COUNT:].reshape(-1, COUNT) / SPREADS
        return np.concatenate([*errors, np.sqrt(ridge) * deviations.ravel()])

    start = np.concatenate([START, np.zeros(COUNT * len(tickers))])
    solution = least_squares(residuals, start, loss="soft_l1", max_nfev=200).x
    own = {ticker: _smile(numbers(solution, at)) for at, ticker in enumerate(tickers)}
    return _smile(_bounded(solution[:COUNT])), own


def _bounded(numbers: Floats) -> Floats:
    """c, p, q, rho and wing within what :class:`Smile` allows."""
    c, p, q, rho, wing = numbers
    q = np.clip(q, 0.0, 0.95)
    rho = np.clip(rho, -0.9, 0.9)
    wing = np.clip(wing, 0.0, STEEPEST_WING * (1.0 - rho))
    return np.array([max(c, 0.0), max(p, -q / 2.0), q, rho, wing])


def _smile(numbers: Floats) -> Smile:
    c, p, q, rho, wing = (round(float(value), 4) for value in numbers)
    return Smile(c, max(p, -q / 2.0), q, rho, wing)


def fit_points(chain: RealChain) -> pl.DataFrame:
    """The quotes that a smile is fitted to: 2 to 60 delta, 7 to 90 days, not too wide."""
    half_width = (pl.col("ask") - pl.col("bid")) / 2 / pl.col("vega")
    return chain.points.filter(
        pl.col("delta").abs().is_between(0.02, 0.60)
        & pl.col("dte").is_between(7, 90)
        & (half_width <= WIDEST_POINTS)
    )


def smile_errors(numbers: Floats, points: pl.DataFrame) -> Floats:
    """Model less real volatility of `fit_points`, vol points; `numbers` as in :class:`Smile`."""
    columns = ("years", "atm", "strike", "forward", "iv")
    years, atm, strike, forward, iv = (points[name].to_numpy() for name in columns)
    # The limits against arbitrage hold near the solution and need not slow down the search.
    smile = SmileRows(*(np.asarray(value) for value in numbers), np.asarray(LARGEST_CHI))
    psi = curvature(smile, years, atm)
    total = total_variance(np.log(strike / forward), atm * atm * years, psi, smile)
    return np.asarray(100.0 * (np.sqrt(total / years) - iv))
