"""Dividends on the shares that assignments, exercises and orders have left in positions.

Whoever is short of shares on an ex-date owes the dividend, whoever holds them receives it. A broker
states it for all shares of the account (DIV), on the ex-date or weeks later, when it is paid; by
then the position may be closed, and its profit changes once more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from options_platform.domain.chain.occ_symbols import share_symbol
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.domain.trading.reconciliation.shares_held import (
    NEXT_DAY,
    DeliveredShares,
    ShareMove,
    held_before,
    share_moves,
)
from options_platform.domain.trading.reconciliation.statements import CORRECT
from options_platform.domain.trading.reports import Activity

DIVIDEND = "DIV"

LATEST_DAYS = 92
"""By how many days a payment may follow the ex-date, or the delivery of the shares."""

SAME_DIVIDEND = 0.01
"""By which share of itself a dividend may differ between a data source and the broker."""

LEAST_USD = 0.005


def entitled(
    activity: Activity,
    deliveries: Iterable[DeliveredShares],
    positions: Iterable[Position],
    beside: Mapping[str, int],
    orders: Iterable[Order] = (),
    ex_dates: Mapping[date, float] | None = None,
    recorded: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """By position_id the shares that a dividend is on; below 0 where it is owed.

    Those held before the ex-date, where one of `ex_dates` (USD a share, by date) is that of the
    dividend. Else those of the newest day on which the positions held as many as the broker states,
    and where there is none those delivered last. `beside` are the shares that a person holds, by
    symbol: the dividend on them is theirs, and so is that on shares which no position has had.
    `recorded` are the shares that were booked before: a look that sees more deliveries adds to
    them.
    """
    if not activity.quantity:
        return {}
    stated = round(math.copysign(activity.quantity, activity.amount_usd))
    of_positions = stated - beside.get(activity.symbol, 0)
    names = {p.position_id for p in positions if share_symbol(p.ticker) == activity.symbol}
    came = sorted(
        (each for each in deliveries if each.position_id in names),
        key=lambda each: each.on,
        reverse=True,
    )
    moves = [move for move in share_moves(came, orders) if move.position_id in names]
    booked = dict(recorded or {})
    if activity.status == CORRECT and abs(sum(booked.values())) > abs(stated):
        # Corrected to fewer shares. Else a person's own may have been on the other side.
        booked = {}
    days = _ex_dates_of(activity, ex_dates or {})
    if days:
        by_day = [
            held_before(day, moves, with_expiring=expiring)
            for expiring in (False, True)
            for day in days
        ]
        surely, at_most = by_day[0], held_before(days[0], moves, with_expiring=True)
        booked = _no_more_than(at_most, booked)
        latest_first = [
            *reversed(surely.items()),
            *((name, shares - surely.get(name, 0)) for name, shares in at_most.items()),
        ]
    else:
        earliest = activity.on - timedelta(days=LATEST_DAYS)
        in_time = [each for each in came if earliest <= each.on <= activity.on]
        by_day = _possible_holdings(activity.on, earliest, moves, in_time)
        by_day = [held for held in by_day if _no_more_than(held, booked) == booked]
        latest_first = [(each.position_id, each.shares) for each in in_time]
    for held in by_day:
        if of_positions and sum(held.values()) == of_positions:
            return held
    is_owed = stated < 0
    left = abs(of_positions) if (of_positions < 0) == is_owed else 0
    return _extended(booked, latest_first, left, is_owed=is_owed)


def due_usd(activity: Activity, shares: Mapping[str, int]) -> float:
    """What of a dividend is due on these shares, USD; 0 for one that was canceled."""
    if not activity.quantity:
        return 0.0
    return round(abs(activity.amount_usd / activity.quantity) * sum(shares.values()), 2)


def dividend_paid(
    due: float,
    shares: Mapping[str, int],
    positions: Sequence[Position],
    *,
    settled_usd: float = 0.0,
    recorded: Mapping[str, int] | None = None,
) -> Settlement | None:
    """The settlement that leaves `due` USD of a dividend with the positions of `shares`.

    `settled_usd` on the shares `recorded` were booked before. None if nothing changes.
    """
    before = recorded or {}
    usd_before = _in_cents(settled_usd, before, positions)
    usd = _in_cents(due, shares, positions)
    changes = {name: usd.get(name, 0.0) - usd_before.get(name, 0.0) for name in usd | usd_before}
    changed = tuple(
        replace(p, loose_cash_usd=p.loose_cash_usd + changes[p.position_id])
        for p in positions
        if abs(changes.get(p.position_id, 0.0)) >= LEAST_USD
    )
    moved = {name: shares.get(name, 0) - before.get(name, 0) for name in {**before, **shares}}
    ended = {name: count for name, count in moved.items() if count}
    if not changed and not ended:
        return None
    return Settlement(changed, {}, due - settled_usd, 0, ended)


def _in_cents(
    cash_usd: float, shares: Mapping[str, int], positions: Iterable[Position]
) -> dict[str, float]:
    """Cash by shares, USD in whole cents; what is left over goes to the oldest position."""
    total, net = round(cash_usd * 100), sum(shares.values())
    ordered = [p.position_id for p in positions if p.position_id in shares]
    cents = {
        # Rounded first: a product such as 44999.9999999 is 45000 cents.
        name: math.trunc(round(total * shares[name] / net, 6)) if net else 0
        for name in ordered
    }
    if ordered:
        cents[ordered[0]] += total - sum(cents.values())
    return {name: count / 100 for name, count in cents.items()}


def _ex_dates_of(activity: Activity, ex_dates: Mapping[date, float]) -> list[date]:
    """The stored ex-dates that a payment may be of, by its amount and its date; newest first."""
    per_share = abs(activity.amount_usd / activity.quantity)
    rounding = 0.01 / abs(activity.quantity)
    earliest = activity.on - timedelta(days=LATEST_DAYS)
    return sorted(
        (
            day
            for day, usd in ex_dates.items()
            if earliest <= day <= activity.on
            and abs(usd - per_share) <= SAME_DIVIDEND * per_share + rounding
        ),
        reverse=True,
    )


def _possible_holdings(
    last: date, earliest: date, moves: Iterable[ShareMove], in_time: Iterable[DeliveredShares]
) -> list[dict[str, int]]:
    """What positions with deliveries `in_time` held, by each day that changed it, newest first."""
    names = {each.position_id for each in in_time}
    of_names = [move for move in moves if move.position_id in names]
    days = {last}
    for move in of_names:
        days |= {move.held_from, move.held_from - NEXT_DAY}
    return [
        held_before(day, of_names, with_expiring=expiring)
        for day in sorted(days, reverse=True)
        if earliest <= day <= last
        for expiring in (False, True)
    ]


def _no_more_than(held: Mapping[str, int], booked: Mapping[str, int]) -> dict[str, int]:
    """As many of the booked shares as were held on the same side."""
    return {
        name: min(abs(count), abs(held.get(name, 0))) * (1 if count > 0 else -1)
        for name, count in booked.items()
        if count * held.get(name, 0) > 0
    }


def _extended(
    booked: Mapping[str, int], latest_first: Iterable[tuple[str, int]], count: int, *, is_owed: bool
) -> dict[str, int]:
    """The booked shares, and more of `latest_first` on the side of the dividend, up to `count`."""
    side = -1 if is_owed else 1
    counts = dict(booked)
    left = count - side * sum(booked.values())
    spent = {name: max(0, side * shares) for name, shares in booked.items()}
    for name, shares in latest_first:
        more = max(0, side * shares)
        earlier = min(more, spent.get(name, 0))
        spent[name] = spent.get(name, 0) - earlier
        taken = min(left, more - earlier)
        if taken > 0:
            left -= taken
            counts[name] = counts.get(name, 0) + side * taken
    return counts
