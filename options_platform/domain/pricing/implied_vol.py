"""Implied volatility, after Jaeckel, "Let's be rational" (Wilmott, 2015).

1. Put-call parity maps every option to the out-of-the-money one, and symmetry maps that to a call.
   This leaves one function b(x, s) of x = -|ln(F / K)| and the total deviation s = vol x sqrt(T).
2. Below the inflection s_c = sqrt(2|x|) the solver works on 1 / ln b, which is nearly linear in
   s^2; above it on b itself, which is close to that of an at-the-money option. Both initial
   guesses are exact in their limits.
3. A fixed number of Halley steps, each clipped to the bracket of the branch, converges for listed
   options. Options that have not converged by then (hours to expiry, far wings) continue with
   bracketed Newton steps on ln b as a function of 1 / s^2.
4. The result is NaN if the rounding of the price could move the volatility by more than one part
   in a million.
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
"""Below this value of s / 2, subtracting the two terms of b loses too many digits."""

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
    """The Black-Scholes-Merton volatility of `price`, an annualised fraction; arguments broadcast.

    NaN where there is no solution: the price is NaN, at or below the discounted intrinsic value, at
    or above the discounted forward (calls) or strike (puts), or so close to one of these bounds
    that rounding of the price moves the volatility by more than one part in a million. Raises
    :class:`PricingError` unless spot, strike and years are positive.
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
    solvable = (target > TINY) & (target < ceiling)
    target = np.where(solvable, target, 0.5 * ceiling)
    s = _deviation(x, target, ceiling)
    value, slope = _normalised_call(x, s)
    unconverged = solvable & ~_settled(value, slope, s, target)
    if unconverged.any():
        s[unconverged] = _polished(x[unconverged], target[unconverged])
        value[unconverged], slope[unconverged] = _normalised_call(x[unconverged], s[unconverged])
        solvable &= _settled(value, slope, s, target)
    price_rounding = ROUNDINGS * np.finfo(np.float64).eps * np.maximum(grown, paid) / scale
    solvable &= price_rounding < RESOLUTION * s * slope
    return (np.where(solvable, s / np.sqrt(years), np.nan),)


def _settled(value: Floats, slope: Floats, s: Floats, target: Floats) -> NDArray[np.bool_]:
    """Whether s has converged: another Newton step would not change it."""
    return np.asarray((np.abs(target - value) <= SETTLED * slope * s) & (slope > 0.0))


def _polished(x: Floats, target: Floats) -> Floats:
    """The s with b(x, s) = target: Newton on ln b over 1 / s^2, bisection outside the bracket.

    Each element stops when it has converged, so its bits do not depend on the other elements.
    """
    low = np.full_like(x, SMALLEST_DEVIATION)
    high = np.full_like(x, ONE_AT_THE_CEILING)
    log_target = np.log(target)
    # Close to the solution at the money, or in the far wing.
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
            next_s = 1.0 / np.sqrt(inverse)
        inside = (next_s > low) & (next_s < high)
        next_s = np.where(inside, next_s, np.sqrt(low * high))
        done |= np.abs(next_s - s) <= 0.5 * SETTLED * s
        if done.all():
            break
        s = np.where(done, s, next_s)
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
        # Newton step and curvature ratio (for Halley) of 1 / ln b - 1 / ln target, or of b itself.
        steep = slope / value
        newton_low = log_value * (log_target - log_value) / (log_target * steep)
        newton = np.where(low, newton_low, (target - value) / slope)
        curve = np.where(low, bend - steep * (1.0 + 2.0 / log_value), bend)
        shift = newton / np.maximum(1.0 + 0.5 * newton * curve, 0.25)
        # One step moves at most half way to the end of the bracket.
        s = np.clip(s + shift, 0.5 * (s + bottom), 0.5 * (s + top))
    return np.asarray(s)


def _normalised_call(x: Floats, s: Floats) -> tuple[Floats, Floats]:
    """b(x, s) and its derivative with respect to s."""
    from scipy.special import erfcx

    h, t = x / s, 0.5 * s
    scale = np.exp(-0.5 * (h * h + t * t))
    difference = erfcx(-HALF_ROOT * (h + t)) - erfcx(-HALF_ROOT * (h - t))
    small = t < SMALL_HALF
    if small.any():
        difference = np.where(small, _small_difference(-HALF_ROOT * h, HALF_ROOT * t), difference)
    return 0.5 * scale * difference, scale * INVERSE_ROOT_TWO_PI


def _small_difference(at: Floats, half: Floats) -> Floats:
    """erfcx(at - half) - erfcx(at + half) for a small `half`, by Taylor series."""
    from scipy.special import erfcx

    value = erfcx(at)
    first = 2.0 * at * value - 2.0 / np.sqrt(np.pi)
    second = 2.0 * value + 2.0 * at * first
    third = 4.0 * first + 2.0 * at * second
    return np.asarray(-2.0 * half * (first + half * half / 6.0 * third))


def _middle_price(middle: Floats, ceiling: Floats) -> Floats:
    """b at the inflection: exp(x / 2) / 2 - exp(-x / 2) N(-s_c)."""
    from scipy.special import erfcx

    # exp(-x / 2 - s_c^2 / 2) = exp(x / 2), so both terms share this factor.
    return np.asarray(0.5 * ceiling * (1.0 - erfcx(HALF_ROOT * middle)))


def _low_guess(x: Floats, target: Floats, at_middle: Floats) -> Floats:
    """Initial guess: s^2 as a parabola in y = -1 / ln b, exact at zero and at the inflection."""
    y = -1.0 / np.log(np.minimum(target, 0.99))
    end = -1.0 / np.log(np.clip(at_middle, TINY, 0.99))
    slope = 0.5 * x * x
    bend = (-2.0 * x - slope * end) / (end * end)
    return np.sqrt(np.maximum(y * (slope + bend * y), 0.0))


def _high_guess(middle: Floats, target: Floats, at_middle: Floats, ceiling: Floats) -> Floats:
    """Initial guess: the at-the-money form b = 1 - 2 N(-s / 2), scaled to fit the inflection."""
    from scipy.special import ndtr, ndtri

    share = np.clip((ceiling - target) / (ceiling - at_middle), 0.0, 1.0)
    return np.asarray(-2.0 * ndtri(share * ndtr(-0.5 * middle)))
