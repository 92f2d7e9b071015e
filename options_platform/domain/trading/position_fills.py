"""What the fills of orders make of positions; every sum here is exact bookkeeping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from options_platform.domain.trading.orders import SHARES, Order, OrderLeg, closing
from options_platform.domain.trading.positions import Position, without_legs
from options_platform.domain.trading.splits import adjusted_position
from options_platform.errors import LedgerError


def after_fill(
    before: Order,
    order: Order,
    held: Position | None,
    session: date,
    others: Sequence[Order] = (),
) -> Position:
    """The position once an order has gone from `before` to `order` by fills, all of them or some.

    `held` is the position so far, None before the first fill of its entry, which opens it in
    `session`; one that was closed and gets one more spread of a late fill is open again. The plan's
    bounds move by what the fills of the entry were better or worse than planned. `others` are the
    order's other attempts: what those of an entry filled is part of the position too.

    Raises :class:`LedgerError` for an exit without its position.
    """
    if order.purpose != "entry":
        return _after_exit(before, order, held, session)
    filled_orders = [order, *(other for other in others if other.filled_qty)]
    contracts = sum(one.filled_qty for one in filled_orders)
    paid = sum(float(one.avg_price or 0.0) * one.filled_qty for one in filled_orders)
    price = float(order.avg_price or 0.0) if len(filled_orders) == 1 else paid / contracts
    better = sum(_better_than_planned_usd(one) for one in filled_orders)
    expiry = min(leg.expiry for leg in order.legs)
    filled = Position(
        position_id=order.position_id,
        ticker=order.ticker,
        strategy=order.strategy,
        legs=order.legs,
        contracts=contracts,
        opened_on=session if held is None else held.opened_on,
        entry_price=price,
        entry_dte=(expiry - session).days if held is None else held.entry_dte,
        max_loss_usd=sum(_share_filled(one, one.max_loss_usd) for one in filled_orders) - better,
        max_profit_usd=sum(_share_filled(one, one.max_profit_usd) for one in filled_orders)
        + better,
        fees_usd=sum(one.fees_usd for one in filled_orders),
        mark_price=price,
        marked_on=session,
    )
    if held is None:
        return filled
    # Of orders from before a split: they were for fewer contracts at higher strikes.
    ratio = max(1, round(order.legs[0].strike / held.legs[0].strike))
    if ratio > 1:
        filled, contracts = adjusted_position(filled, ratio), contracts * ratio
    is_closed = not held.loose and (held.closed_contracts + held.broken_contracts == contracts)
    return replace(
        filled,
        legs=held.legs,
        fees_usd=held.fees_usd + order.fees_usd - before.fees_usd,
        closed_contracts=held.closed_contracts,
        exit_price=held.exit_price,
        closed_on=held.closed_on if is_closed else None,
        exit_reason=held.exit_reason if is_closed else None,
        broken_contracts=held.broken_contracts,
        loose=held.loose,
        loose_cash_usd=held.loose_cash_usd,
        loose_value_usd=held.loose_value_usd,
    )


def with_all_attempts(position: Position, entries: Iterable[Order]) -> Position:
    """The position with the fills of all attempts of its entry; unchanged if it has them all.

    Ledgers of former versions counted only the newest attempt.
    """
    filled = sorted((o for o in entries if o.filled_qty), key=lambda order: order.attempt)
    if sum(order.filled_qty for order in filled) <= position.contracts:
        return position
    *others, last = filled
    fees_before = last.fees_usd - sum(order.fees_usd for order in others)
    before = replace(last, fees_usd=fees_before)
    return after_fill(before, last, position, position.opened_on, others)


def _share_filled(order: Order, amount_usd: float) -> float:
    return amount_usd * (order.filled_qty / order.contracts) if order.filled_qty else 0.0


def _better_than_planned_usd(order: Order) -> float:
    price = float(order.avg_price or 0.0)
    planned = float(order.limit_price if order.limit_price is not None else price)
    return (planned - price) * SHARES * order.filled_qty


def _after_exit(before: Order, after: Order, position: Position | None, session: date) -> Position:
    """The position once an exit order has gone from `before` to `after`.

    Undoing the legs costs `avg_price`, so the position brought its negative. An order for single
    legs closes loose ones, and breaks spreads where there are too few; so does an order for more
    whole spreads than are open.
    """
    if position is None:
        raise LedgerError(
            f"order {after.client_order_id} closes a position that the ledger does not know"
        )
    spreads = after.filled_qty - before.filled_qty
    if not _closes_whole(after, position) or spreads > position.open_contracts:
        return _after_single_legs(before, after, position, session)
    closed = position.closed_contracts + spreads
    if position.closed_contracts == before.filled_qty:
        brought = -float(after.avg_price or 0.0)
    else:
        earlier = (position.exit_price or 0.0) * position.closed_contracts
        now = after.filled_qty * float(after.avg_price or 0.0)
        was = before.filled_qty * float(before.avg_price or 0.0)
        brought = (earlier - (now - was)) / closed
    ended = closed == position.contracts - position.broken_contracts and not position.loose
    return replace(
        position,
        exit_price=brought,
        closed_contracts=closed,
        closed_on=session if ended else None,
        exit_reason=after.reason if ended else None,
        fees_usd=position.fees_usd + after.fees_usd - before.fees_usd,
    )


def _after_single_legs(before: Order, after: Order, position: Position, session: date) -> Position:
    """The position once an exit has traded its legs singly.

    What it trades beyond the position's legs, because an assignment came first, becomes a loose leg
    of the other side, which has to be closed in turn.
    """
    spreads = after.filled_qty - before.filled_qty
    ended: dict[OrderLeg, int] = {}
    beyond: list[OrderLeg] = []
    for leg in after.legs:
        (held_leg,) = closing((replace(leg, ratio=1),))
        traded, held = leg.ratio * spreads, position.held.get(held_leg, 0)
        ended[held_leg] = min(traded, held)
        if traded > held:
            beyond.append(replace(leg, ratio=traded - held))
    left = without_legs(position, ended, cash_usd=before.paid_usd - after.paid_usd, came=beyond)
    return replace(
        left,
        closed_on=None if left.is_held else session,
        exit_reason=None if left.is_held else after.reason,
        fees_usd=position.fees_usd + after.fees_usd - before.fees_usd,
    )


def _closes_whole(order: Order, position: Position) -> bool:
    return sorted(closing(order.legs), key=str) == sorted(position.legs, key=str)
