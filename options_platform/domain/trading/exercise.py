"""Whether a bought contract that covers the shares of an assignment is better exercised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from options_platform.domain.orders import OrderLeg, closing
from options_platform.domain.positions import Position

Pricing = Callable[[tuple[OrderLeg, ...]], float | None]


def exercise_is_worth_more(position: Position, price: Pricing) -> OrderLeg | None:
    """The bought leg whose exercise brings more than selling it and closing the shares, else None.

    `price` is what trading legs costs now, USD a share, debit positive. Exercising a put delivers
    the shares at its strike, exercising a call brings in those that are short. A quote below what
    the contract is worth when exercised makes the difference.
    """
    shares = next((leg for leg in position.loose if leg.is_shares), None)
    if shares is None:
        return None
    right = "put" if shares.side == "buy" else "call"
    for leg in position.loose:
        if (leg.right, leg.side) != (right, "buy") or leg.ratio > shares.ratio:
            continue
        pair = (replace(shares, ratio=1), replace(leg, ratio=1))
        cost = price(closing(pair))
        exercised = leg.strike if right == "put" else -leg.strike
        if cost is not None and exercised > -cost + 1e-9:
            return leg
    return None
