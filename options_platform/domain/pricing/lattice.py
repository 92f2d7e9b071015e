"""Leisen-Reimer binomial lattice, for American exercise and discrete dividends.

Leisen and Reimer, "Binomial models for option valuation", Applied Mathematical Finance 3 (1996),
with the second inversion formula of Peizer and Pratt. Discrete dividends are escrowed: the spot
less their present value diffuses, and the exercise value uses the spot plus the present value of
the remaining dividends (Hull, section 21.3). It is slow; use it to verify the approximations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing.units import require_positive
from options_platform.errors import PricingError

FURTHEST = 4.5


def lattice_price(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: float,
    dividend: float,
    sign: Floats,
    *,
    american: bool = True,
    steps: int = 201,
    dividends: Sequence[tuple[float, float]] = (),
) -> Floats:
    """Price in USD a share; the arrays broadcast against each other.

    Args:
        spot: market price, USD a share, before any of `dividends` is paid.
        strike: USD a share.
        years: time to expiry.
        vol: annualised volatility of the spot less the present value of the dividends.
        rate: annualised, continuously compounded.
        dividend: continuous yield, annualised, in addition to `dividends`.
        sign: +1 for calls, -1 for puts.
        american: whether the option may be exercised at every step.
        steps: number of steps; the method needs an odd one.
        dividends: (years from now, USD a share); those after the expiry are ignored.

    Raises:
        PricingError: an input is not positive, the present value of the dividends exceeds the
            spot, or `steps` is even or below 3.
    """
    if steps % 2 == 0 or steps < 3:
        raise PricingError(f"the lattice needs an odd number of steps, at least 3, not {steps}")
    spot, strike, years, vol, sign = np.broadcast_arrays(spot, strike, years, vol, sign)
    require_positive(spot=spot, strike=strike, years=years, vol=vol)
    shape = spot.shape
    spot, strike, years, vol, sign = (
        np.asarray(a, dtype=np.float64).reshape(-1, 1) for a in (spot, strike, years, vol, sign)
    )
    diffusing = spot - _still_to_come(0.0 * years, years, rate, dividends)
    require_positive(spot_less_dividends=diffusing)
    deviation = vol * np.sqrt(years)
    d1 = (np.log(diffusing / strike) + (rate - dividend + 0.5 * vol**2) * years) / deviation
    step = years / steps
    growth, discount = np.exp((rate - dividend) * step), np.exp(-rate * step)
    up_chance = _invert(d1 - deviation, steps)
    up = growth * _invert(d1, steps) / up_chance
    down = (growth - up_chance * up) / (1.0 - up_chance)
    ups = np.arange(steps + 1.0)[None, :]
    nodes = diffusing * np.exp(ups * np.log(up) + (steps - ups) * np.log(down))
    value = np.maximum(sign * (nodes - strike), 0.0)
    keep, drop = discount * up_chance, discount * (1.0 - up_chance)
    for step_index in range(steps - 1, -1, -1):
        value = keep * value[:, 1:] + drop * value[:, :-1]
        if american:
            nodes = nodes[:, 1:] / up
            remaining_dividends = _still_to_come(step_index * step, years, rate, dividends)
            value = np.maximum(value, sign * (nodes + remaining_dividends - strike))
    return np.asarray(value[:, 0].reshape(shape))


def _still_to_come(
    now: Floats, years: Floats, rate: float, dividends: Sequence[tuple[float, float]]
) -> Floats:
    """Present value, at `now`, of the dividends after `now` and up to expiry."""
    total = np.zeros_like(years)
    for at, amount in dividends:
        coming = (at > now) & (at <= years)
        total = total + np.where(coming, amount * np.exp(-rate * (at - now)), 0.0)
    return total


def _invert(z: Floats, steps: int) -> Floats:
    """Peizer-Pratt inversion: the probability p with binomial(steps, p) matching N(z)."""
    # Further out the probability rounds to 0 or 1, and the tree would degenerate.
    limit = FURTHEST * np.sqrt(steps)
    width = np.clip(z, -limit, limit) / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    spread = np.sqrt(0.25 - 0.25 * np.exp(-(width**2) * (steps + 1.0 / 6.0)))
    return np.asarray(0.5 + np.sign(z) * spread)
