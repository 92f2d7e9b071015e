"""How synthetic quotes of stocks differ from those of funds: wider, and American in the money.

The modelled widths are too narrow for stocks: the mean real one of three chains of AAPL and NVDA
was 1.5 times as wide, each chain left out (docs/synthetic-chains.md). Around a report market makers
quote wider still.

A put deep in the money may be exercised for the interest on its strike, so that its European price
lies below what exercising pays: by 0.4% of the spot at a rate of 3%. Such legs are priced as
American ones. Out of the money the two differ by less than a tick, and there the surface is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.contracts.funds import FUNDS
from options_platform.domain.chain.underlying import EUROPEAN, Underlying
from options_platform.domain.pricing import Greeks, american_price

Bools = NDArray[np.bool_]
FARTHEST = 5
"""Sessions around a report that are kept."""


@dataclass(frozen=True)
class StockQuoteRules:
    """Quotes of stocks on synthetic chains.

    `width_scale` multiplies the modelled width of a stock's quotes, in its place
    `report_width_scale` from `report_sessions` (0 to 5) before the last close before a report to as
    many after it. An option in the money whose absolute delta is above `american_delta` is priced
    as one that may be exercised early; with 1 none is.
    """

    width_scale: float = 1.5
    report_width_scale: float = 3.0
    report_sessions: int = 3
    american_delta: float = 0.8

    def __post_init__(self) -> None:
        if self.width_scale < 0 or self.report_width_scale < 0:
            raise ValueError("width_scale and report_width_scale are not negative")
        if not 0 <= self.report_sessions <= FARTHEST:
            raise ValueError(f"report_sessions is 0 to {FARTHEST}, not {self.report_sessions}")
        if not 0.5 <= self.american_delta <= 1.0:
            raise ValueError("american_delta is 0.5 to 1, e.g. 0.8")


@dataclass(frozen=True)
class NearReports:
    """The sessions within `FARTHEST` of a report's anchor, ascending, and how far off it is."""

    sessions: tuple[date, ...]
    distance: tuple[int, ...]

    @cached_property
    def arrays(self) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
        """Sessions and distances."""
        return (
            np.array(self.sessions, dtype="datetime64[D]"),
            np.array(self.distance, dtype=np.int64),
        )

    def within(self, session: NDArray[np.datetime64], count: int) -> Bools:
        """Which sessions are at most `count` from a report."""
        days, distance = self.arrays
        return np.asarray(np.isin(session, days[distance <= count]))


def of_stocks(underlying: Underlying, funds: tuple[str, ...]) -> Bools | None:
    """Which rows are options on stocks, shape of `ticker`; None if none is.

    Whatever is neither a known fund, nor one of `funds`, nor an index. Rows without a ticker are
    not.
    """
    apart = {"", *FUNDS, *funds, *EUROPEAN}
    names = [name not in apart for name in underlying.names]
    if not any(names):
        return None
    return np.asarray(np.array(names)[underlying.ticker])


def american_in_the_money(
    underlying: Underlying,
    strike: Floats,
    years: Floats,
    sign: Floats,
    european: tuple[Floats, Greeks],
    market: tuple[Floats, float],
    stocks: Bools,
    least_delta: float,
) -> Floats:
    """The prices of `european`, (volatilities, prices), with those of deep options of stocks
    replaced; USD a share, in the shape of the prices.

    `market` is the rate and the dividend yield, `stocks` says which rows are stocks. The dividends
    of a session are not known here: they are the yield, as in every price of the surface.
    """
    vols, greeks = european
    price = greeks.price
    rows = np.broadcast_to(stocks, price.shape) & (np.abs(greeks.delta) > least_delta)
    if not rows.any():
        return price
    rate, dividend = market
    inputs = (underlying.spot, strike, years, vols, rate)
    spot, struck, left, vol, rates = (np.broadcast_to(own, price.shape)[rows] for own in inputs)
    signs = np.broadcast_to(sign, price.shape)[rows]
    price = price.copy()
    price[rows] = american_price(spot, struck, left, vol, rates, dividend, signs)
    return price
