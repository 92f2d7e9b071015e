"""Quotes of the synthetic chain: bid, mid and ask around the model price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.surface import (
    INDEX_DAYS,
    LEVEL_AT,
    atm_vol,
    surface_iv,
)
from options_platform.domain.chain.ticks import tick_size
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT, Greeks, black_scholes

TICK = 0.01
VEGA_AT = 0.1
SMALLEST_VEGA = 1e-4


@dataclass(frozen=True)
class Quotes:
    """Quotes of options, arrays of one shape; prices in USD a share, `iv` annualised fractions."""

    strike: Floats
    bid: Floats
    mid: Floats
    ask: Floats
    iv: Floats
    greeks: Greeks


def quote(
    underlying: Underlying, strike: Floats, years: Floats, sign: Floats, rules: ChainRules
) -> Quotes:
    """Synthetic quotes of options on `underlying`; `sign` is +1 for calls and -1 for puts.

    Bid and ask are whole ticks of the session (`tick_size`); a bid below one tick is zero. Raises
    :class:`PricingError` like `black_scholes`; in particular, an option at expiry has an intrinsic
    value but no quote.
    """
    rate, dividend = underlying.term.rate_or(rules.risk_free_rate), rules.dividend_yield
    atm = atm_vol(underlying, years, rules.surface)
    iv = surface_iv(underlying, strike, years, rules.surface, carry=rate - dividend, atm=atm)
    greeks = black_scholes(underlying.spot, strike, years, iv, rate, dividend, sign)
    half = 0.5 * _width(greeks.vega, years, atm, rules)
    low, high = greeks.price - half, greeks.price + half
    low_tick, high_tick = tick_size(underlying, low), tick_size(underlying, high)
    bid = np.maximum(np.floor(low / low_tick + 1e-9) * low_tick, 0.0)
    ask = np.ceil(high / high_tick - 1e-9) * high_tick
    bid = np.asarray(np.round(bid, 2), dtype=np.float64)
    ask = np.asarray(np.round(ask, 2), dtype=np.float64)
    mid = np.asarray(0.5 * (bid + ask), dtype=np.float64)
    return Quotes(strike, bid, mid, ask, iv, greeks)


def _width(vega: Floats, years: Floats, atm: Floats, rules: ChainRules) -> Floats:
    a, by_vega, by_vol, by_term = rules.width
    log_width = (
        a
        + by_vega * np.log(np.maximum(vega, SMALLEST_VEGA) / VEGA_AT)
        + by_vol * np.log(atm / LEVEL_AT)
        + by_term * np.log(years * DAYS_A_YEAR / INDEX_DAYS)
    )
    return np.asarray(rules.width_scale * TICK * np.exp(log_width), dtype=np.float64)


def option_sign(rights: NDArray[np.str_]) -> Floats:
    """+1 for "call", -1 for "put"."""
    return np.where(rights == "call", CALL, PUT)


def years_of(dte: NDArray[np.int64]) -> Floats:
    """Calendar days as years of 365 days."""
    return dte.astype(np.float64) / DAYS_A_YEAR
