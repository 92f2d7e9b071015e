"""Whether to exercise a long option that covers assigned shares, instead of selling it.

An exercise cannot be undone, so it requires reliable prices: a bid, tight quotes that agree with
the spot, and a spot that agrees with the previous close. In doubt the position is closed in the
market.
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
    """Long legs whose exercise would deliver or receive no more than the position's shares.

    Puts cover long shares, calls cover short ones; empty if the position has no shares.
    """
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
    """The long leg that is worth more exercised than sold; None if there is none.

    Exercising a put delivers the long shares at its strike, exercising a call receives the short
    shares; compared with closing the shares in the market, that gains the intrinsic value. It is
    better than selling the option if its bid is below the intrinsic value. Contracts are skipped if
    they have no bid, wide quotes, or an ask below the intrinsic value (quotes and spot then
    contradict each other).

    Args:
        position: a position with assigned shares.
        spot: price of the underlying, USD a share.
        quotes: bid and ask by contract symbol, USD a share.
        rules: thresholds of wide quotes.
    """
    for leg in covers_of_shares(position):
        bid, ask = quotes.get(replace(leg, ratio=1).symbol(position.ticker), (0.0, 0.0))
        intrinsic = leg.strike - spot if leg.right == "put" else spot - leg.strike
        tolerance = max(rules.wide_share * (bid + ask) / 2.0, LEAST_CENTS)
        if bid <= 0.0 or ask - bid > tolerance or intrinsic - ask > tolerance:
            continue
        if intrinsic > bid + 1e-9:
            return leg
    return None
