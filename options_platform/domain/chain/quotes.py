"""Quotes of the synthetic chain: bid, mid and ask around the model price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.stock_quotes import american_in_the_money, of_stocks
from options_platform.domain.chain.surface import surface_iv, unmoved_atm_vol
from options_platform.domain.chain.ticks import STEP_CHANGES_AT, tick_steps
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.chain.width import quoted_width
from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT, Greeks, black_scholes


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

    Bid and ask are half the width of `quoted_width` from the model price, rounded to the nearest
    tick of the session (`ticks`), so that the mean quoted width is the modelled one; they are
    at least a tick apart, and the model price is between them. A bid below half a tick is zero.
    Raises :class:`PricingError` like `black_scholes`; in particular, an option at expiry has an
    intrinsic value but no quote.

    Those of stocks are wider by `rules.stocks`, and deep in the money they are American; the
    greeks are always those of European options.
    """
    rate, dividend = underlying.term.rate_or(rules.risk_free_rate), rules.dividend_yield
    level = unmoved_atm_vol(underlying, years, rules.surface)
    iv = surface_iv(underlying, strike, years, rules.surface, carry=rate - dividend, atm=level)
    atm = rules.surface.moved(level, underlying)
    greeks = black_scholes(underlying.spot, strike, years, iv, rate, dividend, sign)
    modelled = rules.width_scale * quoted_width(underlying, greeks.vega, years, atm, rules.width)
    price, stocks = greeks.price, of_stocks(underlying, rules.surface.funds)
    if stocks is not None:
        modelled = modelled * _stock_width_scale(underlying, stocks, rules)
        price = american_in_the_money(
            underlying, strike, years, sign, (iv, greeks), (rate, dividend), stocks,
            rules.stocks.american_delta,
        )  # fmt: skip
    steps = tick_steps(underlying)
    half = 0.5 * np.maximum(modelled, np.where(price < STEP_CHANGES_AT, *steps))
    bid = np.maximum(_nearest_tick(price - half, steps), 0.0)
    ask = _nearest_tick(price + half, steps)
    mid = np.asarray(0.5 * (bid + ask), dtype=np.float64)
    return Quotes(strike, bid, mid, ask, iv, greeks)


def _stock_width_scale(
    underlying: Underlying, stocks: NDArray[np.bool_], rules: ChainRules
) -> Floats:
    own = rules.stocks
    is_near = rules.surface.near_reports(underlying, own.report_sessions)
    scale = np.where(is_near, own.report_width_scale, own.width_scale)
    return np.where(stocks, scale, 1.0)


def _nearest_tick(price: Floats, steps: tuple[Floats, Floats]) -> Floats:
    """The price of the nearest tick, the higher one from the middle between two."""
    tick = np.where(price < STEP_CHANGES_AT, *steps)
    return np.asarray(np.round(np.floor(price / tick + 0.5 + 1e-9) * tick, 2), dtype=np.float64)


def option_sign(rights: NDArray[np.str_]) -> Floats:
    """+1 for "call", -1 for "put"."""
    return np.where(rights == "call", CALL, PUT)


def years_of(dte: NDArray[np.int64]) -> Floats:
    """Calendar days as years of 365 days."""
    return dte.astype(np.float64) / DAYS_A_YEAR
