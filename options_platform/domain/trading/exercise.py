"""Whether a bought contract that covers the shares of an assignment is better exercised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from options_platform.domain.orders import SHARES, OrderLeg
from options_platform.domain.positions import Position


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
    position: Position, spot: float, bids: Mapping[str, float]
) -> OrderLeg | None:
    """The bought leg whose exercise brings more than selling it and closing the shares, else None.

    Exercising a put delivers the shares at its strike, exercising a call brings in those that are
    short; that is worth its intrinsic value beside the market's price of the shares. A bid below
    it makes the difference. `spot` and `bids` by symbol are in USD a share; a contract without a
    bid in it is left to the market.
    """
    for leg in covers_of_shares(position):
        bid = bids.get(replace(leg, ratio=1).symbol(position.ticker))
        intrinsic = leg.strike - spot if leg.right == "put" else spot - leg.strike
        if bid is not None and intrinsic > bid + 1e-9:
            return leg
    return None
