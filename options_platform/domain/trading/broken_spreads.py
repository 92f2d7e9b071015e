"""How a position is valued for its stops once some legs have ended without the others."""

from __future__ import annotations

from dataclasses import replace

from options_platform.domain.trading.closing import has_shares
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position


def judged_legs(position: Position) -> tuple[OrderLeg, ...]:
    """The legs whose value decides on stops and profits; none where no such rule applies.

    They are those of the spread; where spreads are broken, all legs that are held, each with its
    number of contracts as its ratio. Shares have no stop: they are closed whatever they are worth.
    """
    if not position.loose or has_shares(position):
        return position.legs if position.open_contracts else ()
    return tuple(replace(leg, ratio=count) for leg, count in position.held.items())


def comparable(position: Position, value: float) -> float:
    """The value of :func:`judged_legs` in the terms of the entry price, USD a share.

    What legs have brought that ended counts too: the difference from the entry price is the profit
    of the position.
    """
    if not is_judged_whole(position):
        return value
    earlier = (position.exit_price or 0.0) * position.closed_contracts
    return (value + earlier) / position.contracts + position.loose_cash_usd / position.units


def is_judged_whole(position: Position) -> bool:
    """Whether :func:`judged_legs` are all that is held, and not the legs of one spread."""
    return bool(position.loose) and not has_shares(position)
