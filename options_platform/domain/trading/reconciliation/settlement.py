"""What an assignment, an exercise, an expiry or a person's acceptance leaves of positions.

Only evidence ends a position: its own closing fills, an activity that the broker states
(https://docs.alpaca.markets/docs/non-trade-activities-for-option-events), or what a person has
looked at and accepted. A contract that is missing in a list of positions ends nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from options_platform.domain.trading.orders import SHARES, OrderLeg, shares_leg
from options_platform.domain.trading.positions import Position, without_legs
from options_platform.domain.trading.reconciliation.differences import LedgerStatement
from options_platform.domain.trading.reconciliation.renames import is_same_contract
from options_platform.domain.trading.reports import Activity

ASSIGNED, EXERCISED, EXPIRED, ACCEPTED = "ASSIGNED", "EXERCISED", "EXPIRED", "ACCEPTED"
ENDS = {"OPASN": ASSIGNED, "OPEXC": EXERCISED, "OPEXP": EXPIRED}
"""The activities that end contracts, and the exit reason of a position that they end."""

SIDES: dict[str, tuple[str, ...]] = {
    "OPASN": ("sell",),
    "OPEXC": ("buy",),
    "OPEXP": ("buy", "sell"),
}


@dataclass(frozen=True)
class Settlement:
    """What an activity did.

    `positions` are those that changed; `adjustments` the contracts and shares, by symbol, that came
    or went without a fill, and `cash_usd` the cash that moved with them. `unsettled` contracts
    belong to no position. `ended` are by position_id the contracts that ended (negative ones came
    back), under "" those that a person holds beside the positions.
    """

    positions: tuple[Position, ...]
    adjustments: Mapping[str, int]
    cash_usd: float = 0.0
    unsettled: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)


def settle(
    activity: Activity,
    positions: Iterable[Position],
    bought_back: Iterable[Position] = (),
    *,
    net: int = 0,
    is_renamed: bool = True,
) -> Settlement:
    """End the contracts that an activity states, those of the oldest position first.

    An assignment or an exercise delivers shares at the strike, 100 for each contract, at the same
    moment. Contracts that none of `positions` holds may have been closed by a later fill: then that
    fill has opened what it was meant to close, and its position, one of `bought_back`, is open
    again. `net` is what the account should hold of the contract: an expiry ends that side, since
    the broker has netted the other. `is_renamed` allows a contract to match by its adjusted root.
    """
    is_it = is_same_contract if is_renamed else str.__eq__
    sides = SIDES[activity.kind]
    if activity.kind == "OPEXP" and net:
        sides = ("buy",) if net > 0 else ("sell",)
    left = abs(round(activity.quantity))
    changed: list[Position] = []
    adjustments: dict[str, int] = {}
    by_position: dict[str, int] = {}
    cash = 0.0
    for position in positions:
        for leg, count in position.held.items():
            if not left or leg.side not in sides or leg.is_shares:
                continue
            if not is_it(leg.symbol(position.ticker), activity.symbol):
                continue
            ended = min(count, left)
            left -= ended
            _add(by_position, position.position_id, ended)
            came, paid = delivered(activity.kind, leg, ended)
            after = without_legs(position, {leg: ended}, cash_usd=paid, came=came)
            changed.append(ended_if_empty(after, ENDS[activity.kind], activity.on))
            cash += paid
            back = replace(leg, side=_other(leg.side), ratio=ended)
            _add_legs(adjustments, position.ticker, (*came, back))
    latest = {position.position_id: position for position in changed}
    if activity.kind != "OPEXP":
        for position in bought_back:
            current = latest.get(position.position_id, position)
            for leg in position.legs:
                is_of_leg = is_it(leg.symbol(position.ticker), activity.symbol)
                again = min(left, current.closed_contracts * leg.ratio)
                if not is_of_leg or leg.side not in SIDES[activity.kind] or again <= 0:
                    continue
                left -= again
                _add(by_position, position.position_id, again)
                reopened, came, paid = _reopened(activity, current, leg, again)
                latest[position.position_id] = reopened
                cash += paid
                _add_legs(adjustments, position.ticker, came)
    return Settlement(tuple(latest.values()), adjustments, cash, left, by_position)


def _reopened(
    activity: Activity, position: Position, leg: OrderLeg, count: int
) -> tuple[Position, tuple[OrderLeg, ...], float]:
    """A position whose contracts ended before a fill closed them; the legs that came, the cash."""
    came, paid = delivered(activity.kind, leg, count)
    came = (*came, replace(leg, side=_other(leg.side), ratio=count))
    after = without_legs(position, {}, cash_usd=paid, came=came)
    return replace(after, closed_on=None, exit_reason=None), came, paid


def delivered(kind: str, leg: OrderLeg, count: int) -> tuple[tuple[OrderLeg, ...], float]:
    """The shares that are delivered for contracts, and the cash that comes with them, USD."""
    if kind == "OPEXP":
        return (), 0.0
    # The holder of a call buys, and so does the seller of a put that is assigned.
    buys = (leg.right == "call") == (leg.side == "buy")
    shares = SHARES * count
    paid = leg.strike * shares
    return (shares_leg("buy" if buys else "sell", shares),), -paid if buys else paid


def ended_if_empty(position: Position, reason: str, on: date) -> Position:
    """The position, closed on that day for that reason unless some of it is still held."""
    if position.is_held:
        return position
    return replace(position, closed_on=max(on, position.opened_on), exit_reason=reason)


def accepted(
    positions: Iterable[Position], missing: Mapping[str, int], on: date
) -> tuple[Position, ...]:
    """The positions that change once a person accepts what is missing at the broker.

    `missing` are contracts (or shares), by symbol, that positions hold and the broker does not,
    bought ones positive. Spreads with all legs missing are closed at the last mark; what a single
    leg brought is not known, and counts as 0. Whole spreads of any position come first: where
    several have sold one contract, the one whose other legs are missing too has ended.
    """
    left = dict(missing)
    changed: list[Position] = []
    after_whole: list[tuple[Position, Position]] = []
    for position in positions:
        whole = min(
            (_lacking(position.ticker, leg, left) // leg.ratio for leg in position.legs), default=0
        )
        after = _closed_at_mark(position, min(whole, position.open_contracts))
        _take(left, position, after)
        after_whole.append((position, after))
    for position, of_whole in after_whole:
        after = of_whole
        for leg, count in of_whole.held.items():
            ended = min(count, _lacking(position.ticker, leg, left))
            if ended:
                before, after = after, without_legs(after, {leg: ended})
                _take(left, before, after)
        if after != position:
            changed.append(ended_if_empty(after, ACCEPTED, on))
    return tuple(changed)


def delivered_unannounced(
    ledger_side: LedgerStatement,
    at_broker: Mapping[str, float],
    on: date,
    by_hand: Collection[str] = (),
) -> tuple[Activity, ...]:
    """Assignments that the broker's list of positions shows before any activity states them.

    A sold contract is missing in it, and shares of its ticker that no position explains are listed
    instead. Once a person accepts them they belong to the position, as its OPASN would have it. A
    contract that was traded `by_hand` is left out: those fills explain the list.
    """
    expected = ledger_side.contracts
    shares: dict[str, float] = {}
    seen = []
    for position in ledger_side.positions:
        for leg, count in position.held.items() if position.closed_on is None else ():
            if leg.side != "sell" or leg.is_shares:
                continue
            symbol, stock = leg.symbol(position.ticker), shares_leg("buy").symbol(position.ticker)
            if symbol in by_hand:
                continue
            sign = 1 if leg.right == "put" else -1
            more = shares.setdefault(stock, at_broker.get(stock, 0) - expected.get(stock, 0))
            missing = at_broker.get(symbol, 0) - expected.get(symbol, 0)
            contracts = int(min(missing, count, max(0.0, more * sign) // SHARES))
            if contracts > 0:
                shares[stock] = more - sign * SHARES * contracts
                key = f"accepted-{on}-{position.position_id}"
                seen.append(Activity(key, "OPASN", symbol, contracts, None, on))
    return tuple(seen)


def _closed_at_mark(position: Position, spreads: int) -> Position:
    if not spreads:
        return position
    closed = position.closed_contracts + spreads
    earlier = (position.exit_price or 0.0) * position.closed_contracts
    price = (earlier + position.mark_price * spreads) / closed
    return replace(position, closed_contracts=closed, exit_price=price)


def _lacking(ticker: str, leg: OrderLeg, missing: Mapping[str, int]) -> int:
    """How many contracts (or shares) of a leg's side are missing."""
    one = replace(leg, ratio=1).signed_ratio
    return max(0, int(missing.get(leg.symbol(ticker), 0) / one))


def _take(left: dict[str, int], before: Position, after: Position) -> None:
    for leg, count in before.held.items():
        symbol = leg.symbol(before.ticker)
        if symbol in left:
            left[symbol] -= leg.signed_ratio * (count - after.held.get(leg, 0))


def _add(counts: dict[str, int], name: str, count: int) -> None:
    counts[name] = counts.get(name, 0) + count


def _add_legs(adjustments: dict[str, int], ticker: str, legs: Iterable[OrderLeg]) -> None:
    for leg in legs:
        _add(adjustments, leg.symbol(ticker), leg.signed_ratio)


def _other(side: Literal["buy", "sell"]) -> Literal["buy", "sell"]:
    return "sell" if side == "buy" else "buy"
