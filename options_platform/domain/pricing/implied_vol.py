"""Implied volatility, after Jaeckel, "Let's be rational" (Wilmott, 2015).

1. Parity turns every option into the one out of the money, and symmetry into a call; what is
   left is one function b(x, s) of x = -|ln(F / K)| and the total deviation s = vol x sqrt(T).
2. Below the inflection s_c = sqrt(2|x|) the solver works on 1 / ln b, which is nearly linear in
   s^2, above it on b itself, nearly that of an option at the money. Both first guesses are exact
   in their limits.
3. A fixed number of Halley steps, each kept inside the branch's bracket, is exact for what is
   listed. What has not settled by then (hours to expiry, far wings) goes on by Newton's method on
   ln b over 1 / s^2, with a bracket that it cannot leave.
4. A volatility that the rounding of the price alone could move by more than a millionth is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.pricing.units import in_blocks, require_positive

STEPS = 5
LARGEST_DEVIATION = 12.0
HALF_ROOT = np.sqrt(0.5)
INVERSE_ROOT_TWO_PI = 1.0 / np.sqrt(2.0 * np.pi)
TINY = 1e-290
SMALL_HALF = 1e-3
"""Below this s / 2 the two terms of b are too alike to be subtracted from one another."""

SETTLED = 1e-11
MOST_STEPS = 120
SMALLEST_DEVIATION, ONE_AT_THE_CEILING = 1e-13, 17.0
# Rounding errors of a price, its forward and its strike, in units of the last place.
ROUNDINGS = 4.0
RESOLUTION = 1e-6


def implied_vol(
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats | float,
    dividend: Floats | float,
    sign: Floats,
) -> Floats:
    """The volatility whose European price is `price`, annualised; the arguments broadcast.

    NaN where there is none: a price that is NaN, not above the discounted intrinsic value, or
    not below the discounted forward (calls) or strike (puts), or so near to one of these that its
    own rounding leaves the volatility open by a millionth of itself. Raises :class:`PricingError`
    unless spot, strike and years are positive.
    """
    require_positive(spot=spot, strike=strike, years=years)
    return in_blocks(_solve, 1, price, spot, strike, years, rate, dividend, sign)[0]


def _solve(
    price: Floats, spot: Floats, strike: Floats, years: Floats, rate: Floats, dividend: Floats,
    sign: Floats,
) -> Sequence[Floats]:  # fmt: skip
    grown, paid = spot * np.exp(-dividend * years), strike * np.exp(-rate * years)
    time_value = price - np.maximum(sign * (grown - paid), 0.0)
    x = -np.abs(np.log(grown / paid))
    scale = np.sqrt(grown * paid)
    target = time_value / scale
    ceiling = np.exp(0.5 * x)
    known = (target > TINY) & (target < ceiling)
    target = np.where(known, target, 0.5 * ceiling)
    s = _deviation(x, target, ceiling)
    value, slope = _normalised_call(x, s)
    going_on = known & ~_settled(value, slope, s, target)
    if going_on.any():
        s[going_on] = _polished(x[going_on], target[going_on])
        value[going_on], slope[going_on] = _normalised_call(x[going_on], s[going_on])
        known &= _settled(value, slope, s, target)
    doubt = ROUNDINGS * np.finfo(np.float64).eps * np.maximum(grown, paid) / scale
    known &= doubt < RESOLUTION * s * slope
    return (np.where(known, s / np.sqrt(years), np.nan),)


def _settled(value: Floats, slope: Floats, s: Floats, target: Floats) -> NDArray[np.bool_]:
    """Whether another step of Newton's would not move s any more."""
    return np.asarray((np.abs(target - value) <= SETTLED * slope * s) & (slope > 0.0))


def _polished(x: Floats, target: Floats) -> Floats:
    """The s with b(x, s) = target by Newton's method on ln b over 1 / s^2, bisecting where it errs.

    Each element takes steps until it has settled, so that no other one changes its bits.
    """
    low = np.full_like(x, SMALLEST_DEVIATION)
    high = np.full_like(x, ONE_AT_THE_CEILING)
    log_target = np.log(target)
    # Nearly that of a price at the money, or of one in the far wing.
    s = np.maximum(
        target / INVERSE_ROOT_TWO_PI, np.abs(x) / np.sqrt(np.maximum(-2 * log_target, 1))
    )
    s = np.clip(s, low, high)
    done = np.zeros(x.shape, dtype=bool)
    for _ in range(MOST_STEPS):
        value, slope = _normalised_call(x, s)
        value = np.maximum(value, TINY)
        above = value > target
        high, low = np.where(above, s, high), np.where(above, low, s)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            gap = log_target - np.log(value)
            inverse = 1.0 / (s * s) - 2.0 * gap * value / (slope * s**3)
            following = 1.0 / np.sqrt(inverse)
        inside = (following > low) & (following < high)
        following = np.where(inside, following, np.sqrt(low * high))
        done |= np.abs(following - s) <= 0.5 * SETTLED * s
        if done.all():
            break
        s = np.where(done, s, following)
    return np.asarray(s)


def _deviation(x: Floats, target: Floats, ceiling: Floats) -> Floats:
    """The s with b(x, s) = target, for 0 < target < ceiling = exp(x / 2)."""
    middle = np.sqrt(-2.0 * x)
    at_middle = _middle_price(middle, ceiling)
    low = target < at_middle
    guess = np.where(
        low,
        _low_guess(x, target, at_middle),
        _high_guess(middle, target, at_middle, ceiling),
    )
    bottom = np.where(low, 0.0, middle)
    top = np.where(low, middle, LARGEST_DEVIATION)
    s = np.clip(guess, np.where(low, 1e-3 * middle, middle), top)
    log_target = np.log(target)
    for _ in range(STEPS):
        s = np.maximum(s, 1e-12)
        value, slope = _normalised_call(x, s)
        value = np.maximum(value, TINY)
        bend = x * x / (s * s * s) - 0.25 * s
        log_value = np.log(np.where(low, value, 0.5))
        # Newton's step and half the curvature ratio of 1 / ln b - 1 / ln target, or of b itself.
        steep = slope / value
        newton_low = log_value * (log_target - log_value) / (log_target * steep)
        newton = np.where(low, newton_low, (target - value) / slope)
        curve = np.where(low, bend - steep * (1.0 + 2.0 / log_value), bend)
        shift = newton / np.maximum(1.0 + 0.5 * newton * curve, 0.25)
        # Half way to the bracket's end is as far as one step may go.
        s = np.clip(s + shift, 0.5 * (s + bottom), 0.5 * (s + top))
    return np.asarray(s)


def _normalised_call(x: Floats, s: Floats) -> tuple[Floats, Floats]:
    """b(x, s) and its derivative by s."""
    from scipy.special import erfcx

    h, t = x / s, 0.5 * s
    scale = np.exp(-0.5 * (h * h + t * t))
    difference = erfcx(-HALF_ROOT * (h + t)) - erfcx(-HALF_ROOT * (h - t))
    small = t < SMALL_HALF
    if small.any():
        difference = np.where(small, _small_difference(-HALF_ROOT * h, HALF_ROOT * t), difference)
    return 0.5 * scale * difference, scale * INVERSE_ROOT_TWO_PI


def _small_difference(at: Floats, half: Floats) -> Floats:
    """erfcx(at - half) - erfcx(at + half) for a small `half`, by its odd derivatives."""
    from scipy.special import erfcx

    value = erfcx(at)
    first = 2.0 * at * value - 2.0 / np.sqrt(np.pi)
    second = 2.0 * value + 2.0 * at * first
    third = 4.0 * first + 2.0 * at * second
    return np.asarray(-2.0 * half * (first + half * half / 6.0 * third))


def _middle_price(middle: Floats, ceiling: Floats) -> Floats:
    """b at the inflection: exp(x / 2) / 2 - exp(-x / 2) N(-s_c)."""
    from scipy.special import erfcx

    # exp(-x / 2 - s_c^2 / 2) = exp(x / 2), so the second term shares the first one's factor.
    return np.asarray(0.5 * ceiling * (1.0 - erfcx(HALF_ROOT * middle)))


def _low_guess(x: Floats, target: Floats, at_middle: Floats) -> Floats:
    """s^2 as a parabola in y = -1 / ln b: slope x^2 / 2 at zero, exact at the inflection."""
    y = -1.0 / np.log(np.minimum(target, 0.99))
    end = -1.0 / np.log(np.clip(at_middle, TINY, 0.99))
    slope = 0.5 * x * x
    bend = (-2.0 * x - slope * end) / (end * end)
    return np.sqrt(np.maximum(y * (slope + bend * y), 0.0))


def _high_guess(middle: Floats, target: Floats, at_middle: Floats, ceiling: Floats) -> Floats:
    """As at the money, where b = 1 - 2 N(-s / 2), scaled to be exact at the inflection."""
    from scipy.special import ndtr, ndtri

    share = np.clip((ceiling - target) / (ceiling - at_middle), 0.0, 1.0)
    return np.asarray(-2.0 * ndtri(share * ndtr(-0.5 * middle)))
