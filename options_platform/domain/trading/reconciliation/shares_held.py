"""The shares of positions before an ex-date, from what was delivered and what orders have filled.

What the dividend on them is, and whose, is the subject of `dividends.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain.occ_symbols import parse_symbol
from options_platform.domain.trading.orders import SHARES, Order

NEXT_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DeliveredShares:
    """Shares that came to a position for `contracts` of `symbol`, by an OPASN or an OPEXC."""

    position_id: str
    kind: str
    symbol: str
    contracts: int
    on: date

    @property
    def shares(self) -> int:
        """How many shares came; below 0 where they were delivered to others."""
        parts = parse_symbol(self.symbol)
        if parts is None:
            return 0
        # The holder of a call buys, and so does the seller of a put that is assigned.
        buys = (parts[2] == "call") == (self.kind == "OPEXC")
        return SHARES * self.contracts * (1 if buys else -1)

    @property
    def held_from(self) -> date:
        """The first day at whose open the shares are held.

        A contract that expires then delivers after the close, if it was not assigned in the night
        before; others do so in the night before the day that the activity states.
        """
        parts = parse_symbol(self.symbol)
        expires_then = parts is not None and parts[1] <= self.on
        return self.on + NEXT_DAY if expires_then else self.on


@dataclass(frozen=True)
class ShareMove:
    """Shares that came to a position, below 0 where they left it or were sold short.

    They count for the ex-dates from `held_from` on, the first day at whose open they are held. What
    expires on an ex-date may have been assigned in the night before: it counts from `earliest` on.
    """

    position_id: str
    shares: int
    held_from: date
    earliest: date


def share_moves(deliveries: Iterable[DeliveredShares], orders: Iterable[Order]) -> list[ShareMove]:
    """All that changed the shares of positions."""
    moves = [
        # What the account itself holds is exercised at the close of its expiry.
        ShareMove(
            each.position_id,
            each.shares,
            each.held_from,
            each.on if each.kind == "OPASN" else each.held_from,
        )
        for each in deliveries
    ]
    for order in orders:
        shares = sum(leg.signed_ratio for leg in order.legs if leg.is_shares) * order.filled_qty
        if shares and order.purpose != "exercise":
            # Who sells on the ex-date itself still has the dividend.
            held_from = shift(order.session, 1) + NEXT_DAY
            moves.append(ShareMove(order.position_id, shares, held_from, held_from))
    return moves


def held_before(
    ex_date: date, moves: Iterable[ShareMove], *, with_expiring: bool = False
) -> dict[str, int]:
    """By position_id the shares held before the open of `ex_date`; short ones are below 0.

    `with_expiring` counts what expires on that day as assigned in the night before.
    """
    held: dict[str, int] = {}
    for move in moves:
        if (move.earliest if with_expiring else move.held_from) <= ex_date:
            held[move.position_id] = held.get(move.position_id, 0) + move.shares
    return {position_id: shares for position_id, shares in held.items() if shares}
