"""The volatility at the money that a volatility index implies, given the smile.

An index replicates a variance swap: it is the square root of the fair variance of a log contract
over all strikes, so it exceeds the volatility at the money by what the skew adds. For a smile of
:mod:`ssvi <options_platform.domain.chain.ssvi>` that variance is

    index^2 T = 2 integral of (price of the out-of-the-money option / F) exp(-k) dk

(Carr and Madan 1998; Cboe's VIX methodology sums it over listed strikes). Solved for the volatility
at the money, it needs no constant of its own. Prices below `SMALLEST_PRICE` of the forward are left
out: Cboe stops at two strikes without a bid.

The ratio atm / index is tabulated once for each smile and tenor on a fixed grid of the index, so
that a row has the same value alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain.ssvi import Smile, SmileRows, curvature, total_variance
from options_platform.domain.pricing import DAYS_A_YEAR

SMALLEST_PRICE = 1.2e-5
LOWEST, HIGHEST, LEVELS = np.log(0.03), np.log(3.0), 128
STEP = (HIGHEST - LOWEST) / (LEVELS - 1)
# Volatilities at the money that the table is solved from, in ratios of the index.
DEVIATIONS = np.linspace(-14.0, 9.0, 461)


@lru_cache(maxsize=256)
def level_table(smile: Smile, days: float) -> Floats:
    """Ratios atm / index on the grid of ln(index), of shape [LEVELS].

    Between the points they are off by at most 0.1%; near an atm of 0.10, where the curvature stops
    rising, by up to 0.4% at 30 days and 0.7% at 182.
    """
    grid = LOWEST + STEP * np.arange(LEVELS)
    # The index exceeds atm by less than e times, so that this grid covers all indices.
    atm = np.exp(np.linspace(LOWEST - 1.0, HIGHEST + 0.1, 2 * LEVELS))
    log_index = np.log(index_of_slice(smile, days, atm))
    return np.asarray(np.exp(np.interp(grid, log_index, np.log(atm)) - grid), dtype=np.float64)


def index_of_slice(smile: Smile, days: float, atm: Floats) -> Floats:
    """The volatility index of a smile with `atm` at the forward; annualised fractions, [levels]."""
    from scipy.special import ndtr

    years = np.array(days / DAYS_A_YEAR)
    theta = (atm * atm * years)[:, None]
    k = DEVIATIONS * np.sqrt(theta)
    rows = SmileRows.of(smile)
    psi = curvature(rows, years, atm)[:, None]
    deviation = np.sqrt(total_variance(k, theta, psi, rows))
    d1 = -k / deviation + deviation / 2.0
    d2, grown = d1 - deviation, np.exp(k)
    price = np.where(k >= 0, ndtr(d1) - grown * ndtr(d2), grown * ndtr(-d2) - ndtr(-d1))
    price = np.where(price > SMALLEST_PRICE, price, 0.0)
    return np.asarray(np.sqrt(2.0 * np.trapezoid(price / grown, k, axis=1) / years))


def ratios(tables: Sequence[Floats], smile: NDArray[np.int64] | None, level: Floats) -> Floats:
    """The tabulated ratio at each `level` (an annualised fraction), linear in its logarithm.

    `tables` has one array of shape [LEVELS] for each smile, and `smile` the position of each row's;
    None: all rows have the first.
    """
    at = np.clip((np.log(level) - LOWEST) / STEP, 0.0, LEVELS - 1.001)
    cell = at.astype(np.int64)
    share = at - cell
    if smile is None:
        low, high = np.take(tables[0], cell), np.take(tables[0], cell + 1)
    else:
        flat = np.concatenate(tables)
        first = smile * LEVELS + cell
        low, high = np.take(flat, first), np.take(flat, first + 1)
    return np.asarray(low + share * (high - low), dtype=np.float64)
