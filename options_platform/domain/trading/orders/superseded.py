"""Resting orders that another attempt has replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from options_platform.domain.trading.orders import CANCELLABLE, Order, OrderLeg, closing


def superseded(orders: Sequence[Order], held: Mapping[str, Mapping[OrderLeg, int]]) -> list[Order]:
    """The resting orders that have to leave the market, since others do their work.

    Of each purpose and position only the newest attempt may rest, and not even that where an
    earlier one has filled after all: an entry that is partly filled is not sent again, and an exit
    closes no more than its position holds.

    Args:
        orders: all orders of the ledger.
        held: by position_id what it holds, contracts by leg (`Position.held`).
    """
    newest: dict[tuple[str, str], tuple[date, int]] = {}
    partly_entered: dict[str, set[str]] = {}
    for order in orders:
        key = (order.purpose, order.position_id)
        if order.status != "not_sent":
            newest[key] = max(newest.get(key, (date.min, 0)), (order.session, order.attempt))
        if order.purpose == "entry" and order.filled_qty:
            partly_entered.setdefault(order.position_id, set()).add(order.client_order_id)

    def is_superseded(order: Order) -> bool:
        if newest[order.purpose, order.position_id] != (order.session, order.attempt):
            return True
        if order.purpose == "entry":
            return bool(partly_entered.get(order.position_id, set()) - {order.client_order_id})
        return order.position_id in held and _closes_too_much(order, held[order.position_id])

    return [order for order in orders if order.status in CANCELLABLE and is_superseded(order)]


def _closes_too_much(order: Order, held: Mapping[OrderLeg, int]) -> bool:
    """Whether what is left of an exit is more than its position holds of a leg."""
    return any(
        held.get(replace(leg, ratio=1), 0) < leg.ratio * order.remaining
        for leg in closing(order.legs)
    )
