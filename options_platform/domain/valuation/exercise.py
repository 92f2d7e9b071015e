"""Whether a bought contract that covers the shares of an assignment is better exercised.

Nothing undoes an exercise, so it takes a real market: a bid, quotes that are tight and agree with
the spot, and a spot that agrees with the close before. Whatever is left open is left to the market.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from options_platform.domain.trading.orders import SHARES, OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.domain.valuation import ValuationRules

Sides = tuple[float, float]
LEAST_CENTS = 0.05


def covers_of_shares(position: Position) -> tuple[OrderLeg, ...]:
    """The bought legs whose exercise delivers, or brings in, no more than the position's shares."""
    shares = next((leg for leg in position.loose if leg.is_shares), None)
    if shares is None:
        return ()
    right = "put" if shares.side == "buy" else "call"
    return tuple(
        leg
        for leg in position.loose
        if (leg.right, leg.side) == (right, "buy") and leg.ratio * SHARES <= shares.ratio
    )


def exercise_is_worth_more(
    position: Position, spot: float, quotes: Mapping[str, Sides], rules: ValuationRules
) -> OrderLeg | None:
    """The bought leg whose exercise brings more than selling it and closing the shares, else None.

    Exercising a put delivers the shares at its strike, exercising a call brings in those that are
    short; that is worth its intrinsic value beside the market's price of the shares. A bid below
    it makes the difference. `spot` and the bid and ask of `quotes` by symbol are in USD a share. A
    contract without a bid, with wide quotes, or whose ask is below what exercising would bring, so
    that quotes and spot contradict one another, is left to the market.
    """
    for leg in covers_of_shares(position):
        bid, ask = quotes.get(replace(leg, ratio=1).symbol(position.ticker), (0.0, 0.0))
        intrinsic = leg.strike - spot if leg.right == "put" else spot - leg.strike
        few = max(rules.wide_share * (bid + ask) / 2.0, LEAST_CENTS)
        if bid <= 0.0 or ask - bid > few or intrinsic - ask > few:
            continue
        if intrinsic > bid + 1e-9:
            return leg
    return None
