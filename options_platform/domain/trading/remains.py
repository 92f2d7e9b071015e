"""What a position is judged by once some of its legs have ended without the others."""

from __future__ import annotations

from dataclasses import replace

from options_platform.domain.trading.closing import has_shares
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position


def judged_legs(position: Position) -> tuple[OrderLeg, ...]:
    """The legs by whose value a position is stopped; none where no rule of profit and loss counts.

    Those of its spread; where spreads are broken, all that is held, each with its contracts as its
    ratio. Shares have no stop: they are closed whatever they are worth.
    """
    if not position.loose or has_shares(position):
        return position.legs if position.open_contracts else ()
    return tuple(replace(leg, ratio=count) for leg, count in position.held.items())


def comparable(position: Position, value: float) -> float:
    """The value of :func:`judged_legs`, USD a share, as one that the entry price compares with.

    What ended legs have brought counts as well: a spread that was entered at the one and is worth
    the other has made what the position has.
    """
    if not is_judged_whole(position):
        return value
    earlier = (position.exit_price or 0.0) * position.closed_contracts
    return (value + earlier) / position.contracts + position.loose_cash_usd / position.units


def is_judged_whole(position: Position) -> bool:
    """Whether the value of :func:`judged_legs` is that of all that is held, not of one spread."""
    return bool(position.loose) and not has_shares(position)
