"""American options with a continuous dividend yield: analytic approximation.

Ju and Zhong, "An approximate formula for pricing American options", Journal of Derivatives 7
(1999): the early exercise boundary of Barone-Adesi and Whaley (1987), found by Newton's method
from the seed values in Haug, section 3.1, and a correction of second order to their premium.
For expiries up to 90 days the price differs from a lattice's by less than 0.1% of the spot.
Discrete dividends need the lattice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing.european import price_block
from options_platform.domain.pricing.units import in_blocks, require_positive

STEPS = 16
SMALLEST_RATE = 1e-7
# An early exercise premium below this fraction of the strike needs no correction.
SMALLEST_PREMIUM = 1e-9
SMALLEST_CORRECTION = 0.5
ROOT_TWO_PI = np.sqrt(2.0 * np.pi)


def american_price(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats | float,
    dividend: Floats | float,
    sign: Floats,
) -> Floats:
    """Price in USD a share, never below the European price or the intrinsic value.

    Where early exercise is never optimal (calls without dividends at a rate of zero or more, puts
    at a rate of zero or less) it equals the European price bit for bit. Raises
    :class:`PricingError` like :func:`black_scholes`.
    """
    require_positive(spot=spot, strike=strike, years=years, vol=vol)
    return in_blocks(_american, 1, spot, strike, years, vol, rate, dividend, sign)[0]


def _american(
    spot: Floats, strike: Floats, years: Floats, vol: Floats, rate: Floats, dividend: Floats,
    sign: Floats,
) -> Sequence[Floats]:  # fmt: skip
    european = price_block(spot, strike, years, vol, rate, dividend, sign)[0]
    reward, penalty = np.where(sign > 0, dividend, rate), np.where(sign > 0, rate, dividend)
    early = reward > SMALLEST_RATE
    # Options never exercised early get harmless inputs; their result is discarded below.
    rate = np.where(early, np.where(np.abs(rate) < SMALLEST_RATE, SMALLEST_RATE, rate), 0.05)
    dividend = np.where(early, dividend, 0.05)
    at, power, steepness = _boundary(strike, years, vol, rate, dividend, sign)
    premium, bend, slope = _premium(at, steepness, strike, years, vol, rate, dividend, sign)
    exercised = sign * (spot - strike)
    keep = sign * spot < sign * at
    gap = np.log(np.where(keep, spot, at) / at)
    # Far from the boundary the correction can reach zero; the premium is negligible there.
    corrected = np.maximum(1.0 - bend * gap * gap - slope * gap, SMALLEST_CORRECTION)
    extra = premium * np.exp(power * gap) / corrected
    value = np.where(keep, np.maximum(european + extra, exercised), exercised)
    # Immediate exercise can be optimal even where the formula has no boundary: for a rate or
    # yield just above zero, and for calls at a negative rate.
    pays = (reward > 0) | (penalty < 0)
    plain = np.where(pays, np.maximum(european, exercised), european)
    return (np.where(early, np.maximum(value, european), plain),)


def _boundary(
    strike: Floats, years: Floats, vol: Floats, rate: Floats, dividend: Floats, sign: Floats
) -> tuple[Floats, Floats, Floats]:
    """The early exercise boundary (spot), the exponent of the premium, and its square root term."""
    from scipy.special import ndtr

    carry, deviation = rate - dividend, vol * np.sqrt(years)
    m, n = 2.0 * rate / vol**2, 2.0 * carry / vol**2 - 1.0
    steepness = np.sqrt(n * n + 4.0 * m / -np.expm1(-rate * years))
    power = 0.5 * (sign * steepness - n)
    power_forever = 0.5 * (sign * np.sqrt(n * n + 4.0 * m) - n)
    forever = strike / (1.0 - 1.0 / power_forever)
    grow = (carry * years + sign * 2.0 * deviation) * strike / (sign * (strike - forever))
    grown = np.exp(np.minimum(grow, 0.0))
    at = np.where(
        sign > 0,
        strike + (forever - strike) * (1.0 - grown),
        forever + (strike - forever) * grown,
    )
    yielded = np.exp(-dividend * years)
    for _ in range(STEPS):
        d1 = (np.log(at / strike) + (carry + 0.5 * vol**2) * years) / deviation
        delta = sign * yielded * ndtr(sign * d1)
        density = yielded * np.exp(-0.5 * d1 * d1) / (ROOT_TWO_PI * deviation)
        european = price_block(at, strike, years, vol, rate, dividend, sign)[0]
        gap = sign * (at - strike) - european - (sign - delta) * at / power
        slope = (sign - delta) * (1.0 - 1.0 / power) + density / power
        at = np.clip(at - gap / slope, 0.5 * at, 2.0 * at)
        at = np.where(sign > 0, np.maximum(at, strike), np.minimum(at, strike))
    return at, power, steepness


def _premium(
    at: Floats, steepness: Floats, strike: Floats, years: Floats, vol: Floats,
    rate: Floats, dividend: Floats, sign: Floats,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """The early exercise premium at the boundary, and Ju and Zhong's two correction terms."""
    from scipy.special import ndtr

    deviation, kept = vol * np.sqrt(years), np.exp(-rate * years)
    d1 = (np.log(at / strike) + (rate - dividend + 0.5 * vol**2) * years) / deviation
    european = price_block(at, strike, years, vol, rate, dividend, sign)[0]
    premium = sign * (at - strike) - european
    grown = at * np.exp((rate - dividend) * years)
    h, alpha = -np.expm1(-rate * years), 2.0 * rate / vol**2
    by_h = (
        grown * np.exp(-0.5 * d1 * d1) / ROOT_TWO_PI * vol / (2.0 * rate * np.sqrt(years))
        - sign * dividend * grown * ndtr(sign * d1) / rate
        + sign * strike * ndtr(sign * (d1 - deviation))
    )
    power_by_h = -sign * alpha / (h * h * steepness)
    # Ju and Zhong's 2 x power + beta - 1, with the sign of the option.
    root = sign * steepness
    bend = kept * alpha * power_by_h / (2.0 * root)
    needs_correction = premium > SMALLEST_PREMIUM * strike
    relative = by_h / np.where(needs_correction, premium, 1.0)
    slope = -kept * alpha / root * (relative + 1.0 / h + power_by_h / root)
    return premium, np.where(needs_correction, bend, 0.0), np.where(needs_correction, slope, 0.0)
