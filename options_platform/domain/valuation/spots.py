"""Whether the last price of an underlying can be true, by its close and its contracts' quotes."""

from __future__ import annotations

from collections.abc import Mapping

from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.valuation.rules import ValuationRules

SLACK = 0.02
"""The part of a price by which quotes of a moment before may contradict it."""


def is_far(spot: float, close: float | None, rules: ValuationRules) -> bool:
    """Whether a last price is further from the close before than `max_move`: one print may err."""
    return close is not None and abs(spot / close - 1.0) > rules.max_move


def is_contradicted(spot: float, quotes: Mapping[OrderLeg, tuple[float, float]]) -> bool:
    """Whether quotes show that a last price, USD a share, went astray.

    `quotes` are bid and ask of contracts of the ticker, of the same moment. No call is worth more
    than its stock, and neither a call nor a put asks for less than exercising it would bring; of an
    adjusted root nothing is known.
    """
    slack = SLACK * spot
    for leg, (bid, ask) in quotes.items():
        intrinsic = spot - leg.strike if leg.right == "call" else leg.strike - spot
        is_above = leg.right == "call" and bid - spot > slack
        if not leg.root and (intrinsic - ask > slack or is_above):
            return True
    return False
