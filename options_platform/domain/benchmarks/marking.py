"""Values of index options on the synthetic surface, and index levels from month to month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.benchmarks.rolls import (
    Dates,
    Instants,
    Period,
    instants,
    roll_days,
    roll_periods,
)
from options_platform.domain.chain import ChainRules, Underlying, quote
from options_platform.domain.pricing import DAYS_A_YEAR, intrinsic_value

SURFACE_OF = "SPY"
"""The ticker whose surface is that of the S&P 500."""
STRIKE_STEP = 5.0
"""Index points between listed strikes."""


@dataclass(frozen=True)
class Values:
    """Options in index points: price, delta, and vega a vol point; arrays of one shape."""

    price: Floats
    delta: Floats
    vega: Floats


@dataclass(frozen=True)
class Costs:
    """Prices to trade at: the middle of the quotes, or half a width from it.

    The half-width of SPX options is near one share of their volatility at every delta from 3 to 60:
    `half_width` is that share of the volatility index, in volatility. 0 trades at the middle.
    """

    half_width: float = 0.0


AT_THE_MIDDLE = Costs()


Growth: TypeAlias = Callable[[Period, Instants, ChainRules, Costs], Floats]
"""Growth of a strategy's capital from the open of each roll day to an instant, shape [rolls].

There is one instant per roll, at the latest the open of the expiry.
"""


def values(at: Instants, expiry: Dates, strike: Floats, sign: Floats, rules: ChainRules) -> Values:
    """Values of options of shape [rows] or [rows, strikes]; at expiry what they settle at.

    `sign` is +1 for calls and -1 for puts.
    """
    columns = (slice(None), None) if strike.ndim == 2 else slice(None)
    years = at.years_to_open(expiry)[columns]
    settled = years <= 0.0
    years = np.where(settled, 1.0, years)
    rows = at.at(columns)
    # The rules have one dividend yield for all years; here each year's own is taken off the spot.
    paid_out = np.exp(-rows.dividend_yield * years)
    no_dividends = replace(rules, dividend_yield=0.0)
    underlying = Underlying.of(
        SURFACE_OF, rows.session, rows.spot * paid_out, rows.index, rows.term
    )
    greeks = quote(underlying, strike, years, sign, no_dividends).greeks
    price = np.where(settled, intrinsic_value(rows.spot, strike, sign), greeks.price)
    return Values(price, greeks.delta * paid_out, greeks.vega)


def traded(value: Values, at: Instants, side: float, costs: Costs) -> Floats:
    """Prices in index points to buy (`side` +1) or sell (-1) at, not below zero."""
    index_points = 100.0 * (at.index[:, None] if value.price.ndim == 2 else at.index)
    half = costs.half_width * index_points * value.vega
    return np.asarray(np.maximum(value.price + side * half, 0.0), dtype=np.float64)


def index_levels(
    growth: Growth,
    history: pl.DataFrame,
    days: Sequence[date],
    rules: ChainRules,
    costs: Costs = AT_THE_MIDDLE,
    hour: str = "midday",
) -> Floats:
    """Levels of a strategy at the closes of `days` (ascending sessions), the first of them 1.

    Capital is rolled on every roll day at `hour`, and open positions are marked at the surface.
    """
    rolls = roll_days(days[0], days[-1])
    period = roll_periods(history, rolls, hour)
    settlements = instants(history, rolls[1:], "open")
    months = growth(period.at(slice(None, -1)), settlements, rules, costs)
    at_roll = np.concatenate([[1.0], np.cumprod(months)])
    closes = instants(history, np.array(days, dtype="datetime64[D]"), "close")
    month = np.searchsorted(rolls, closes.session, side="right") - 1
    levels = at_roll[month] * growth(period.at(month), closes, rules, costs)
    return np.asarray(levels / levels[0], dtype=np.float64)


def annual_returns(levels: Floats, days: Sequence[date]) -> Floats:
    """Return a year between each two of `days`, percent, compounded; shape [days - 1]."""
    gaps = np.diff(np.array(days, dtype="datetime64[D]")).astype(np.float64)
    years = np.maximum(np.round(gaps / DAYS_A_YEAR * 12.0) / 12.0, 1.0 / 12.0)
    return np.asarray(100.0 * ((levels[1:] / levels[:-1]) ** (1.0 / years) - 1.0))
