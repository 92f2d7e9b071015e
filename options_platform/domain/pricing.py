"""European options after Black, Scholes and Merton, on arrays.

Formulas: Hull, Options, Futures and Other Derivatives, chapters 15, 17 and 19. Units: prices per
share in USD, volatility and rates annualised fractions (rates continuously compounded), time in
years of 365 days, delta per share, gamma per USD, theta USD per calendar day, vega USD per vol
point (0.01). Calls have `sign` +1, puts -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from options_platform.errors import PricingError

Floats: TypeAlias = NDArray[np.float64]
DAYS_A_YEAR = 365.0
CALL, PUT = 1.0, -1.0
BISECTIONS = 60


@dataclass(frozen=True)
class Greeks:
    """Price and first-order greeks, in the module's units."""

    price: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def black_scholes(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: float,
    dividend: float,
    sign: Floats,
) -> Greeks:
    """Price and greeks; the arguments broadcast against each other.

    Raises :class:`PricingError` unless spot, strike, years and vol are all positive.
    """
    from scipy.special import ndtr

    spot, strike, years, vol, sign = np.broadcast_arrays(spot, strike, years, vol, sign)
    _require_positive(spot=spot, strike=strike, years=years, vol=vol)
    root = np.sqrt(years)
    grown, paid = np.exp(-dividend * years), np.exp(-rate * years)
    d1 = (np.log(spot / strike) + (rate - dividend + 0.5 * vol * vol) * years) / (vol * root)
    d2 = d1 - vol * root
    near, far = ndtr(sign * d1), ndtr(sign * d2)
    density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    decay = -spot * grown * density * vol / (2.0 * root)
    carry = -sign * (rate * strike * paid * far - dividend * spot * grown * near)
    return Greeks(
        price=sign * (spot * grown * near - strike * paid * far),
        delta=sign * grown * near,
        gamma=grown * density / (spot * vol * root),
        theta=(decay + carry) / DAYS_A_YEAR,
        vega=spot * grown * density * root / 100.0,
    )


def implied_vol(
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: float,
    dividend: float,
    sign: Floats,
) -> Floats:
    """The volatility that gives `price`, by bisection between 0.001 and 10; NaN where none does."""
    low = np.full(np.broadcast(price, spot, strike, years, sign).shape, 1e-3)
    high = np.full_like(low, 10.0)
    bottom = black_scholes(spot, strike, years, low, rate, dividend, sign).price
    top = black_scholes(spot, strike, years, high, rate, dividend, sign).price
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        below = black_scholes(spot, strike, years, middle, rate, dividend, sign).price < price
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where((price > bottom) & (price < top), 0.5 * (low + high), np.nan)


def strike_for_delta(
    spot: Floats,
    delta: Floats,
    years: Floats,
    vol: Floats,
    rate: float,
    dividend: float,
    sign: Floats,
) -> Floats:
    """The strike whose option has the absolute `delta`, in closed form for a flat volatility."""
    from scipy.special import ndtri

    d1 = sign * ndtri(delta * np.exp(dividend * years))
    drift = (rate - dividend + 0.5 * vol * vol) * years
    return np.asarray(spot * np.exp(drift - d1 * vol * np.sqrt(years)), dtype=np.float64)


def _require_positive(**values: Floats) -> None:
    for name, value in values.items():
        if not np.all(value > 0):
            raise PricingError(f"{name} must be positive to price an option; check the quotes")
