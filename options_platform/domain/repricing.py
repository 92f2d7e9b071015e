"""The next attempt of an order that ended with something left to do, and its place in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from options_platform.domain.calendar import NEW_YORK, close_time, is_session, shift
from options_platform.domain.orders import Order
from options_platform.domain.positions import SHARES


def with_next_attempt(order: Order, number: str, limit_price: float | None) -> Order:
    """What is left of an order that ended, as a new one at another price; its risk moves along."""
    share = order.remaining / order.contracts
    worse = 0.0
    if order.purpose == "entry" and limit_price is not None and order.limit_price is not None:
        worse = (limit_price - order.limit_price) * SHARES * order.remaining
    return replace(
        order,
        client_order_id=number,
        contracts=order.remaining,
        limit_price=limit_price,
        max_loss_usd=order.max_loss_usd * share + worse,
        max_profit_usd=order.max_profit_usd * share - worse,
        status="intent",
        filled_qty=0,
        avg_price=None,
        fees_usd=0.0,
        attempt=order.attempt + 1,
        placed_at=None,
    )


def rung_of(order: Order, orders: Iterable[Order]) -> tuple[Order, int]:
    """The order that the ladder of `order` began with, and how many rungs `order` is above it.

    A ladder goes on from attempt to attempt while each was canceled to be repriced; an exit for
    another reason, and one after an order that filled or was rejected, begins a new one.
    """
    same = {
        other.attempt: other
        for other in orders
        if (other.purpose, other.position_id) == (order.purpose, order.position_id)
    }
    base = order
    while (before := same.get(base.attempt - 1)) is not None and before.status == "canceled":
        if order.purpose == "exit" and before.reason != order.reason:
            break
        base = before
    return base, order.attempt - base.attempt


def deciding_session(now: datetime) -> date:
    """The session to decide an order in that should work now: the one before the next close."""
    today = now.astimezone(NEW_YORK).date()
    if is_session(today) and now < close_time(today):
        return shift(today, -1)
    return today if is_session(today) else shift(today, -1)
