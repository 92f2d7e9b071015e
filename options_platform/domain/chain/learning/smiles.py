"""The five numbers of a smile as a vector: their bounds, and their errors on quotes."""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.chain.ssvi import Smile, SmileRows, curvature, total_variance

SPREADS = np.array([0.1, 0.1, 0.3, 0.05, 0.05])
"""How far c, p, q, rho and wing of a ticker are expected to lie from those of its class."""
RIDGE = 10.0
LARGEST_CHI = 1.5
# A steeper wing would contradict later expiries.
STEEPEST_WING = 0.11
PRICED = ("years", "atm", "strike", "forward", "iv")


def vector_of(smile: Smile) -> Floats:
    """c, p, q, rho and wing."""
    return np.array([smile.c, smile.p, smile.q, smile.rho, smile.wing])


def smile_of(numbers: Floats) -> Smile:
    """The smile of c, p, q, rho and wing, to four decimals; raises ValueError as `Smile` does."""
    c, p, q, rho, wing = (round(float(value), 4) for value in numbers)
    return Smile(c, max(p, -q / 2.0), q, rho, wing)


def bounded(numbers: Floats) -> Floats:
    """c, p, q, rho and wing within what :class:`Smile` allows."""
    c, p, q, rho, wing = numbers
    q = np.clip(q, 0.0, 0.95)
    rho = np.clip(rho, -0.9, 0.9)
    wing = np.clip(wing, 0.0, STEEPEST_WING * (1.0 - rho))
    return np.array([max(c, 0.0), max(p, -q / 2.0), q, rho, wing])


def smile_errors(numbers: Floats, points: pl.DataFrame) -> Floats:
    """Volatility of the smile at each point's `atm` less the quoted one, vol points, [points]."""
    years, atm, strike, forward, iv = (points[name].to_numpy() for name in PRICED)
    # The limits against arbitrage hold near the solution and need not slow down the search.
    c, p, q, rho, wing = (np.asarray(value) for value in numbers)
    smile = SmileRows(c, p, q, rho, wing, np.asarray(LARGEST_CHI))
    psi = curvature(smile, years, atm)
    total = total_variance(np.log(strike / forward), atm * atm * years, psi, smile)
    return np.asarray(100.0 * (np.sqrt(total / years) - iv))
