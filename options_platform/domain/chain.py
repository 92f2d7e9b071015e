"""Synthetic option chains: listed strikes and quotes around the index's volatility.

They stand where no real chain of the session is stored, and every plan that rests on one says
`chain_source = synthetic`. The implied volatility of a strike is

    iv(k) = atm * (1 + slope * k + curve * k^2),   k = ln(K / F) / (atm * sqrt(T)), cut to [-4, 4]

with F the forward. Slope -0.12 and curve 0.025 put the 25-delta put some 2.5 vol points above
the 25-delta call at 20 points at the money, the ordinary skew of US index options. The quoted
width is a floor plus a share of the price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT, Floats, Greeks, black_scholes

TICK = 0.01
STEPS = ((25.0, 0.5), (1000.0, 1.0), (np.inf, 5.0))
RANGE_DEVIATIONS = 4.0


@dataclass(frozen=True)
class ChainRules:
    """The synthetic surface, and the quoted width: USD a share, and share of the price.

    Rates are annualised and continuously compounded.
    """

    risk_free_rate: float = 0.03
    dividend_yield: float = 0.015
    skew_slope: float = -0.12
    skew_curve: float = 0.025
    lowest_iv: float = 0.03
    width_floor: float = 0.02
    width_share: float = 0.02


@dataclass(frozen=True)
class Quotes:
    """Quotes of options, arrays of one shape; prices in USD a share, `iv` annualised."""

    strike: Floats
    bid: Floats
    mid: Floats
    ask: Floats
    iv: Floats
    greeks: Greeks


def strike_step(spot: Floats) -> Floats:
    """Distance of listed strikes at a price: 0.5 below 25 USD, 1 to 1,000, 5 above."""
    limits = np.array([limit for limit, _ in STEPS[:-1]])
    steps = np.array([step for _, step in STEPS])
    return np.asarray(steps[np.searchsorted(limits, spot, side="left")], dtype=np.float64)


def snap_strike(strike: Floats, step: Floats) -> Floats:
    """The listed strike nearest to `strike`, at least one step."""
    return np.asarray(np.maximum(np.round(strike / step), 1.0) * step, dtype=np.float64)


def surface_iv(
    spot: Floats, strike: Floats, years: Floats, atm: Floats, rules: ChainRules
) -> Floats:
    """Implied volatility of the synthetic surface, annualised."""
    forward = spot * np.exp((rules.risk_free_rate - rules.dividend_yield) * years)
    moneyness = np.log(strike / forward) / (atm * np.sqrt(years))
    k = np.clip(moneyness, -RANGE_DEVIATIONS, RANGE_DEVIATIONS)
    return np.maximum(
        atm * (1.0 + rules.skew_slope * k + rules.skew_curve * k * k), rules.lowest_iv
    )


def quote(
    spot: Floats, strike: Floats, years: Floats, atm: Floats, sign: Floats, rules: ChainRules
) -> Quotes:
    """Quotes of the synthetic chain; bid and ask are whole cents, a bid below one cent is zero."""
    iv = surface_iv(spot, strike, years, atm, rules)
    greeks = black_scholes(
        spot, strike, years, iv, rules.risk_free_rate, rules.dividend_yield, sign
    )
    half = 0.5 * (rules.width_floor + rules.width_share * greeks.price)
    bid = np.maximum(np.floor((greeks.price - half) / TICK + 1e-9) * TICK, 0.0)
    ask = np.ceil((greeks.price + half) / TICK - 1e-9) * TICK
    bid = np.asarray(np.round(bid, 2), dtype=np.float64)
    ask = np.asarray(np.round(ask, 2), dtype=np.float64)
    mid = np.asarray(0.5 * (bid + ask), dtype=np.float64)
    return Quotes(strike, bid, mid, ask, iv, greeks)


def strike_nearest_delta(
    spot: Floats, years: Floats, atm: Floats, sign: Floats, delta: Floats, rules: ChainRules
) -> Floats:
    """The listed strike whose delta is nearest to `delta` (absolute) on the synthetic chain.

    Starts at the closed form for the at-the-money volatility, then walks the listed strikes
    around it; all rows at once.
    """
    step = strike_step(spot)
    reach = np.ceil(RANGE_DEVIATIONS * atm * np.sqrt(years) * spot / step)
    # Where volatility is high, a delta of 0.45 lies in the money: one deviation of it counts too.
    inside = np.maximum(np.ceil(reach / RANGE_DEVIATIONS), 2.0)
    offsets = np.arange(-int(np.max(inside, initial=2.0)), int(np.max(reach, initial=1.0)) + 1)
    # Out of the money lies above the spot for calls, below for puts.
    ladder = snap_strike(spot, step)[:, None] + (sign * step)[:, None] * offsets[None, :]
    ladder = np.maximum(ladder, step[:, None])
    rate, dividend = rules.risk_free_rate, rules.dividend_yield
    spot, years, atm, sign = spot[:, None], years[:, None], atm[:, None], sign[:, None]
    iv = surface_iv(spot, ladder, years, atm, rules)
    found = black_scholes(spot, ladder, years, iv, rate, dividend, sign).delta
    distance = np.abs(np.abs(found) - delta[:, None])
    # Each row looks at its own ladder alone, however long those of the other rows are.
    own = (offsets[None, :] <= reach[:, None]) & (offsets[None, :] >= -inside[:, None])
    distance = np.where(own, distance, np.inf)
    at = np.argmin(distance, axis=1)
    return np.asarray(np.take_along_axis(ladder, at[:, None], axis=1)[:, 0], dtype=np.float64)


def option_sign(rights: NDArray[np.str_]) -> Floats:
    """+1 for "call", -1 for "put"."""
    return np.where(rights == "call", CALL, PUT)


def years_of(dte: NDArray[np.int64]) -> Floats:
    """Calendar days as years of 365 days."""
    return dte.astype(np.float64) / DAYS_A_YEAR
