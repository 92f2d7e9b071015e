"""The next attempt of an order that ended with something left to do, and its price."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime

from options_platform.domain.calendar.sessions import NEW_YORK, close_time, is_session, shift
from options_platform.domain.trading.exits.exit_rules import IMMEDIATE_REASONS
from options_platform.domain.trading.orders import (
    LadderRules,
    Order,
    down_to_tick,
    has_own_grid,
    on_grid,
)

REPRICE = "REPRICE"
"""The reason of an entry whose cancel makes room for its next attempt."""


def with_next_attempt(order: Order, order_id: str, limit_price: float | None) -> Order:
    """What is left of an order that ended, as a new order at another price, with its risk."""
    share = order.remaining / order.contracts
    worse = 0.0
    if order.purpose == "entry" and limit_price is not None and order.limit_price is not None:
        worse = (limit_price - order.limit_price) * order.multiplier * order.remaining
    return replace(
        order,
        client_order_id=order_id,
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
        seen=False,
        withdrawn=False,
    )


def last_attempts(orders: Iterable[Order]) -> list[Order]:
    """The newest attempt of each purpose and position, in the order of their first ones."""
    newest: dict[tuple[str, str], Order] = {}
    for order in orders:
        key = (order.purpose, order.position_id)
        if key not in newest or order.attempt > newest[key].attempt:
            newest[key] = order
    return list(newest.values())


def has_something_left(order: Order, open_positions: Collection[str]) -> bool:
    """Whether an order that ended, the last of its attempts, is followed by another one.

    An entry is, if it was canceled to be repriced and nothing of it has filled; an exit, while its
    position is among the `open_positions` (ids): one that has filled leaves something where the
    position had lost a leg, one that was withdrawn unsent all of it, and one that was withdrawn
    in doubt, as its legs were outdated, what is there by now.
    """
    if order.purpose == "entry":
        return (order.status, order.reason, order.filled_qty) == ("canceled", REPRICE, 0)
    is_over = order.status in ("canceled", "filled", "not_sent") or (
        order.status == "unknown" and order.withdrawn
    )
    return is_over and order.position_id in open_positions


def next_price(order: Order, orders: Iterable[Order], rules: LadderRules) -> float | None:
    """The price of the rung above an order's, USD a share; None on the last and without a limit.

    A ladder goes on from attempt to attempt among `orders` while each was canceled to be repriced;
    an exit for another reason that is not immediate, one after an order that filled or was
    rejected, and an attempt whose price is on no rung begin a new one.
    """
    same = {
        other.attempt: other
        for other in orders
        if (other.purpose, other.position_id) == (order.purpose, order.position_id)
    }
    attempts = [order]
    while (before := same.get(attempts[-1].attempt - 1)) is not None:
        if before.status != "canceled":
            break
        is_other = order.purpose == "exit" and before.reason != order.reason
        # An exit that a stop has overtaken has the stop's reason, and stays on its own rung.
        if is_other and order.reason not in IMMEDIATE_REASONS:
            break
        attempts.append(before)
    prices: list[float] = []
    for attempt in reversed(attempts):
        if attempt.limit_price is None:
            return None
        if attempt.limit_price not in prices:
            # One that was priced anew climbs from its own price.
            prices = rules.prices(order.ticker, order.purpose, attempt.limit_price, attempt.legs)
    limit = order.limit_price
    return None if limit is None else next((price for price in prices if price > limit), None)


def was_sent_again(order: Order, orders: Iterable[Order]) -> bool:
    """Whether the attempt before, among `orders`, had the price of this one.

    So it is with an entry whose next rung was refused after its cancel. It rests there: canceled
    for a rung that is allowed at one look and refused at the next, it would lose its place for
    nothing.
    """
    return any(
        (o.purpose, o.position_id, o.attempt, o.limit_price)
        == (order.purpose, order.position_id, order.attempt - 1, order.limit_price)
        for o in orders
    )


def price_after_worst(order: Order, fair_price: float, rules: LadderRules) -> float | None:
    """The price of a new ladder, USD a share, once the market is beyond the last rung of an exit.

    `fair_price` is what the order's legs cost now. None while the limit may still be met, and
    without a limit.
    """
    first = rules.prices(order.ticker, "exit", fair_price, order.legs)[0]
    return first if order.limit_price is not None and first > order.limit_price else None


def price_within(order: Order, price: float, worst: float) -> float | None:
    """The price of an order's next rung, USD a share, where none may be above `worst`.

    None if the order rests there, or higher, already. A single option's is the next on its grid.
    """
    allowed = price if price <= worst else down_to_tick(worst)
    if has_own_grid(order.ticker, order.legs):
        allowed = on_grid(allowed, sells=order.legs[0].side == "sell")
    is_there = order.limit_price is not None and allowed <= order.limit_price
    return None if is_there else allowed


def deciding_session(now: datetime) -> date:
    """The session to decide an order in that should work now: the one before the next close."""
    today = now.astimezone(NEW_YORK).date()
    if is_session(today) and now < close_time(today):
        return shift(today, -1)
    return today if is_session(today) else shift(today, -1)
