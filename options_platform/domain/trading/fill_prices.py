"""What a spread costs when it is traded: fill models over the quotes of its legs.

A fill model says at what price one leg trades, between or beyond its bid and ask. To add one,
write a function like those below, list it in `FILL_MODELS`, and its name in `FILL_MODEL_NAMES` of
the contract; settings choose it by its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from options_platform.common import Floats
from options_platform.contracts.backtest import FILL_MODEL_NAMES
from options_platform.domain.chain import (
    ChainRules,
    TermStructure,
    Underlying,
    option_sign,
    quote,
    years_of,
)
from options_platform.domain.chain.term_structure import term_of
from options_platform.domain.market.ex_dates import NextDividend
from options_platform.domain.pricing import intrinsic_value
from options_platform.domain.trading.orders import OrderLeg, multiplier_of

LEG_SIDES = {"buy": 1.0, "sell": -1.0}


class FillModel(Protocol):
    """Prices of legs, USD a share, from arrays of one shape; `side` is +1 bought, -1 sold."""

    def __call__(
        self, side: Floats, bid: Floats, mid: Floats, ask: Floats, slippage_share: float, /
    ) -> Floats:
        """The price of each leg."""


def _at_mid(_side: Floats, _bid: Floats, mid: Floats, _ask: Floats, _share: float) -> Floats:
    """The mid: what no order can count on."""
    return mid


def _slipped(side: Floats, bid: Floats, mid: Floats, ask: Floats, share: float) -> Floats:
    """From the mid `share` of the way to the far side of the quote."""
    return toward_far_side(side, bid, mid, ask, share)


def _at_far_side(side: Floats, bid: Floats, mid: Floats, ask: Floats, _share: float) -> Floats:
    """Buys pay the ask, sales get the bid."""
    return toward_far_side(side, bid, mid, ask, 1.0)


def toward_far_side(side: Floats, bid: Floats, mid: Floats, ask: Floats, share: float) -> Floats:
    """Prices that lie `share` of the way from the mid to the side that costs."""
    return np.where(side > 0, mid + share * (ask - mid), mid - share * (mid - bid))


FILL_MODELS: dict[str, FillModel] = dict(
    zip(FILL_MODEL_NAMES, (_at_mid, _slipped, _at_far_side), strict=True)
)
"""From the best to the worst."""


@dataclass(frozen=True)
class FillRules:
    """`slippage_share`: how far from the mid towards the far side of the quote a fill lies."""

    model: str = "default"
    slippage_share: float = 0.5

    def __post_init__(self) -> None:
        if self.model not in FILL_MODELS:
            raise ValueError(f"the fill model must be one of {', '.join(FILL_MODELS)}")
        if not 0.0 <= self.slippage_share <= 1.0:
            raise ValueError("slippage_share lies between 0 (the mid) and 1 (the far side)")

    def leg_prices(self, side: Floats, bid: Floats, mid: Floats, ask: Floats) -> Floats:
        """The price at which each leg trades, USD a share."""
        return FILL_MODELS[self.model](side, bid, mid, ask, self.slippage_share)


AT_MID = FillRules(model="mid")
AT_FAR_SIDE = FillRules(model="worst")


@dataclass(frozen=True)
class MarketClose:
    """A ticker at the close of a session: USD a share as traded, annualised volatility index.

    `term_ratios` and `short_rate` are those of `domain.chain.term_structure`; None where one is not
    known. `next_dividend` is the one to expect at this close, as traded; None where none is.
    `dividend` is the one of this session, if it is an ex-date, USD a share as traded. `split` is
    how many new shares there are for one of the ticker's close before; 1 for no split.
    `sessions_to_odd_split` counts the sessions to the ex-date of a split that is not whole, where
    one is known; None otherwise.
    Without a `ticker` options are priced like those of a ticker that has no surface of its own.
    """

    spot: float
    implied_vol: float
    term_ratios: tuple[float | None, ...] = (None, None, None)
    short_rate: float | None = None
    next_dividend: NextDividend | None = None
    ticker: str = ""
    dividend: float = 0.0
    split: float = 1.0
    sessions_to_odd_split: int | None = None

    def underlying(self, session: date, legs: int) -> Underlying:
        """What options are priced on at this close of `session`, once for each leg."""
        spot, index = np.full(legs, self.spot), np.full(legs, self.implied_vol)
        return Underlying.of(self.ticker, session, spot, index, self._term(legs))

    def _term(self, legs: int) -> TermStructure:
        values = (*self.term_ratios, self.short_rate)
        *ratios, rate = (np.full(legs, math.nan if own is None else own) for own in values)
        return term_of(np.full(legs, self.implied_vol), ratios, rate)


def net_price(
    legs: Sequence[OrderLeg],
    session: date,
    market: MarketClose,
    chain: ChainRules,
    fills: FillRules,
) -> float:
    """Net price of one spread in USD a share, debit positive: buys above the mid, sells below.

    From the day of its expiry a leg is worth what exercising it pays; shares are worth the spot.
    """
    shares = shares_price(legs, market.spot)
    options = [leg for leg in legs if not leg.is_shares]
    if not options:
        return shares
    sides = np.array([LEG_SIDES[leg.side] * leg.ratio for leg in options])
    prices = leg_prices(options, session, market, chain, fills)
    return float(np.round(np.sum(sides * prices), 4)) + shares


def shares_price(legs: Sequence[OrderLeg], spot: float) -> float:
    """What the shares among `legs` add to their net price, USD; see :func:`multiplier_of`."""
    shares = sum(leg.signed_ratio for leg in legs if leg.is_shares)
    return round(shares * spot, 4) / multiplier_of(legs) if shares else 0.0


def leg_prices(
    legs: Sequence[OrderLeg],
    session: date,
    market: MarketClose,
    chain: ChainRules,
    fills: FillRules,
) -> Floats:
    """The price at which each of `legs` trades, USD a share, as :func:`net_price` counts it."""
    strikes = np.array([leg.strike for leg in legs])
    sides = np.array([LEG_SIDES[leg.side] * leg.ratio for leg in legs])
    signs = option_sign(np.array([leg.right for leg in legs]))
    days = np.array([(leg.expiry - session).days for leg in legs])
    prices = intrinsic_value(np.array(market.spot), strikes, signs)
    alive = days > 0
    if alive.any():
        underlying = market.underlying(session, len(legs))
        quotes = quote(underlying, strikes, years_of(np.maximum(days, 1)), signs, chain)
        filled = fills.leg_prices(sides, quotes.bid, quotes.mid, quotes.ask)
        prices = np.where(alive, filled, prices)
    return np.asarray(prices, dtype=np.float64)
