"""Opposite sides of one contract: what an entry must not do to other positions of the account.

A broker holds a contract once for the whole account. An entry that buys what another position has
sold, be it of another rule set or an earlier rung of the same, closes that leg in fact, whatever
the ledger says, and brokers refuse to open what closes. And where an entry meets another order in
the market, such as the exit that buys back what the entry sells, the account trades with itself. So
an entry is refused (`NETTING_CONFLICT`) where it would do either, within one rule set as between
two, and an exit cancels the entries that it would meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from options_platform.domain.trading.orders import Order, OrderLeg

NETTING_CONFLICT = "NETTING_CONFLICT"
OPPOSITE_ORDER = "OPPOSITE_ORDER"
"""In the reason of an order that the broker refused while one on its other side worked."""

Contract = TypeVar("Contract", str, int)


def sides_of(ticker: str, legs: Iterable[OrderLeg]) -> dict[str, int]:
    """By symbol +1 for a bought and -1 for a sold leg; shares are left out."""
    return {leg.symbol(ticker): 1 if leg.side == "buy" else -1 for leg in legs if not leg.is_shares}


def was_opposed(order: Order) -> bool:
    """Whether the broker refused it for an order on its other side: later it may take it."""
    return order.status == "rejected" and OPPOSITE_ORDER in (order.reason or "")


def opposed(
    entry: Mapping[Contract, int], others: Iterable[Mapping[Contract, int]]
) -> list[Contract]:
    """The contracts of `entry` that one of `others` holds, or works, on the other side.

    Each maps contracts to +1 for bought ones and -1 for sold ones; what works counts by what its
    order does, so that the exit of a sold contract is a bought one.
    """
    against = {
        contract
        for sides in others
        for contract, side in sides.items()
        if entry.get(contract, 0) * side < 0
    }
    return [contract for contract in entry if contract in against]
