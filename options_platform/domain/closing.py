"""What of a position is closed next, when the broker no longer has all of its legs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from options_platform.domain.orders import OrderLeg
from options_platform.domain.positions import Position


def next_to_close(
    position: Position, open_positions: Iterable[Position], there: Mapping[str, int]
) -> tuple[tuple[OrderLeg, ...], int]:
    """The legs to close next and how many spreads of them; no legs and 0 if none is left.

    First the spreads that are whole, so that no sold leg loses the bought one that covers it;
    after them what is left of those that lost a leg. `there` are the broker's contracts by symbol,
    which nets a contract over all of `open_positions`.
    """
    lots: dict[str, int] = {}
    for other in open_positions:
        for leg in other.legs:
            symbol = leg.symbol(other.ticker)
            lots[symbol] = lots.get(symbol, 0) + leg.signed_ratio * other.open_contracts
    left = {}
    for leg in position.legs:
        symbol = leg.symbol(position.ticker)
        side = 1 if leg.signed_ratio > 0 else -1
        lacking = max(0, (lots.get(symbol, 0) - there.get(symbol, 0)) * side)
        left[leg] = max(0, position.open_contracts - -(-lacking // leg.ratio))
    whole = min(left.values())
    if whole:
        return position.legs, whole
    legs = tuple(leg for leg, spreads in left.items() if spreads)
    return legs, min((left[leg] for leg in legs), default=0)
