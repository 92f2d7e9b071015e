"""What of a position is closed next, when the broker no longer has all of its legs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from options_platform.domain.orders import OrderLeg
from options_platform.domain.positions import Position


def next_to_close(
    position: Position, open_positions: Iterable[Position], there: Mapping[str, int]
) -> tuple[tuple[OrderLeg, ...], int]:
    """The legs to close next and how many spreads of them; no legs and 0 if none is left.

    First the spreads that are whole, so that no sold leg loses the bought one that covers it;
    after them what is left of those that lost a leg. `there` are the broker's contracts by symbol,
    which nets a contract over all of `open_positions`, in the order of their opening.
    """
    others = list(open_positions)
    left = {
        leg: max(
            0, position.open_contracts - -(-_lacking(position, leg, others, there) // leg.ratio)
        )
        for leg in position.legs
    }
    whole = min(left.values())
    if whole:
        return position.legs, whole
    legs = tuple(leg for leg, spreads in left.items() if spreads)
    return legs, min((left[leg] for leg in legs), default=0)


def without_cover(
    position: Position, open_positions: Iterable[Position], there: Mapping[str, int]
) -> bool:
    """Whether the broker lacks bought contracts of a position that also sold some."""
    others = list(open_positions)
    return any(leg.side == "sell" for leg in position.legs) and any(
        _lacking(position, leg, others, there) for leg in position.legs if leg.side == "buy"
    )


def _lacking(
    position: Position, leg: OrderLeg, open_positions: Sequence[Position], there: Mapping[str, int]
) -> int:
    """Contracts that the broker lacks of a position's leg.

    Whatever was opened first lacks first: one lost contract is not taken from two positions.
    """
    symbol = leg.symbol(position.ticker)
    side = 1 if leg.signed_ratio > 0 else -1
    lots = {other.position_id: _contracts(other, symbol) for other in open_positions}
    lacking = max(0, (sum(lots.values()) - there.get(symbol, 0)) * side)
    for number, contracts in lots.items():
        if number == position.position_id:
            break
        lacking -= min(lacking, max(0, contracts * side))
    return lacking


def _contracts(position: Position, symbol: str) -> int:
    return sum(
        leg.signed_ratio * position.open_contracts
        for leg in position.legs
        if leg.symbol(position.ticker) == symbol
    )
