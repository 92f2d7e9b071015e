"""Plausibility of an underlying's last price, against its previous close and its option quotes."""

from __future__ import annotations

from collections.abc import Mapping

from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.valuation.rules import ValuationRules

SLACK = 0.02
"""Tolerated contradiction between a price and quotes from a moment before, as a fraction."""


def is_far(spot: float, close: float | None, rules: ValuationRules) -> bool:
    """Whether a last price differs from the previous close by more than `max_move`.

    A single print may be wrong, so such a price needs confirmation. False without a close.
    """
    return close is not None and abs(spot / close - 1.0) > rules.max_move


def is_contradicted(spot: float, quotes: Mapping[OrderLeg, tuple[float, float]]) -> bool:
    """Whether option quotes show that a last price (USD a share) is wrong.

    A call cannot be worth more than the stock, and no option is offered below its intrinsic value.
    `quotes` are (bid, ask) of the ticker's contracts at the same time, USD a share. Contracts with
    an adjusted root are ignored, since their deliverable is unknown.
    """
    slack = SLACK * spot
    for leg, (bid, ask) in quotes.items():
        intrinsic = spot - leg.strike if leg.right == "call" else leg.strike - spot
        is_above = leg.right == "call" and bid - spot > slack
        if not leg.root and (intrinsic - ask > slack or is_above):
            return True
    return False
