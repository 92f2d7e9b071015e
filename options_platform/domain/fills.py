"""What a spread costs when it is traded: three fill models over the quotes of its legs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from options_platform.domain.chain import ChainRules, option_sign, quote, years_of
from options_platform.domain.orders import OrderLeg

FILL_MODELS = ("mid", "default", "worst")


@dataclass(frozen=True)
class FillRules:
    """`slippage_share`: how far from the mid towards the far side of the quote a fill lies."""

    model: str = "default"
    slippage_share: float = 0.5

    def __post_init__(self) -> None:
        if self.model not in FILL_MODELS:
            raise ValueError(f"the fill model must be one of {', '.join(FILL_MODELS)}")

    @property
    def share(self) -> float:
        """0 fills at the mid, 1 pays the whole way to the far side."""
        return {"mid": 0.0, "default": self.slippage_share, "worst": 1.0}[self.model]


@dataclass(frozen=True)
class MarketClose:
    """A ticker at the close of a session: USD a share as traded, annualised implied volatility."""

    spot: float
    implied_vol: float


def net_price(
    legs: Sequence[OrderLeg],
    session: date,
    market: MarketClose,
    chain: ChainRules,
    share: float,
) -> float:
    """Net price of one spread in USD a share, debit positive: buys above the mid, sells below.

    On the day of expiry the legs are worth what exercising them pays.
    """
    strikes = np.array([leg.strike for leg in legs])
    sides = np.array([1.0 if leg.side == "buy" else -1.0 for leg in legs])
    ratios = np.array([float(leg.ratio) for leg in legs])
    signs = option_sign(np.array([leg.right for leg in legs]))
    days = np.array([(leg.expiry - session).days for leg in legs])
    if (days <= 0).all():
        prices = np.maximum(signs * (market.spot - strikes), 0.0)
    else:
        spot = np.full(len(legs), market.spot)
        atm = np.full(len(legs), market.implied_vol)
        quotes = quote(spot, strikes, years_of(np.maximum(days, 1)), atm, signs, chain)
        prices = np.where(
            sides > 0,
            quotes.mid + share * (quotes.ask - quotes.mid),
            quotes.mid - share * (quotes.mid - quotes.bid),
        )
    return float(np.round(np.sum(sides * ratios * prices), 4))
