"""Taking back what an activity has ended: a recorded correction.

A clearing house cancels or corrects an assignment days later. Contracts come back then, what was
delivered for them goes, and a position that was closed is open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from options_platform.domain.trading.orders import SHARES, OrderLeg, closing
from options_platform.domain.trading.positions import Position, without_legs
from options_platform.domain.trading.reconciliation.renames import is_same_contract
from options_platform.domain.trading.reconciliation.settlement import (
    SIDES,
    Settlement,
    delivered,
    ended_if_empty,
)
from options_platform.domain.trading.reports import Activity

REVERSED = "REVERSED"


def take_back(
    activity: Activity, ended: Mapping[str, int], positions: Iterable[Position]
) -> Settlement:
    """Give the positions back what an activity had ended of them.

    `ended` says by position_id how many contracts. Shares that came for them go again; where they
    were sold meanwhile, the position is short of them, as the account is.
    """
    changed: list[Position] = []
    adjustments: dict[str, int] = {}
    counts: dict[str, int] = {}
    cash = 0.0
    for position in positions:
        count = ended.get(position.position_id, 0)
        leg = _leg_of(activity, position)
        if count <= 0 or leg is None:
            continue
        shares, paid = delivered(activity.kind, leg, count)
        came = (replace(leg, ratio=count), *closing(shares))
        open_again = replace(position, closed_on=None, exit_reason=None)
        after = whole_again(without_legs(open_again, {}, cash_usd=-paid, came=came))
        changed.append(ended_if_empty(after, REVERSED, activity.on))
        counts[position.position_id] = -count
        cash -= paid
        for one in came:
            symbol = one.symbol(position.ticker)
            adjustments[symbol] = adjustments.get(symbol, 0) + one.signed_ratio
    return Settlement(tuple(changed), adjustments, cash, 0, counts)


def ended_of(activity: Activity, positions: Iterable[Position]) -> dict[str, int]:
    """By position_id how many contracts of an activity's symbol are not held any more.

    For activities of ledgers that did not record which positions they were of.
    """
    ended = {}
    for position in positions:
        leg = _leg_of(activity, position)
        if leg is not None and position.opened_on <= activity.on:
            of_spread = sum(x.ratio for x in position.legs if replace(x, ratio=1) == leg)
            count = of_spread * position.contracts - position.held.get(leg, 0)
            ended[position.position_id] = max(0, count)
    return ended


def whole_again(position: Position) -> Position:
    """The position with loose legs that make whole spreads put together again."""
    loose = {replace(leg, ratio=1): leg.ratio for leg in position.loose}
    spreads = min(loose.get(replace(leg, ratio=1), 0) // leg.ratio for leg in position.legs)
    spreads = min(spreads, position.broken_contracts)
    if spreads <= 0:
        return position
    for leg in position.legs:
        loose[replace(leg, ratio=1)] -= leg.ratio * spreads
    held = tuple(replace(leg, ratio=count) for leg, count in loose.items() if count)
    value = position.loose_value_usd - position.mark_price * SHARES * spreads
    return replace(
        position,
        broken_contracts=position.broken_contracts - spreads,
        loose=held,
        loose_value_usd=value if held else 0.0,
    )


def _leg_of(activity: Activity, position: Position) -> OrderLeg | None:
    for leg in (*position.legs, *position.loose):
        symbol = leg.symbol(position.ticker)
        is_it = is_same_contract(symbol, activity.symbol) or is_same_contract(
            activity.symbol, symbol
        )
        if is_it and leg.side in SIDES[activity.kind]:
            return replace(leg, ratio=1)
    return None
