"""The part of an activity that concerns a person: earlier acceptances, and contracts of their own.

After a person has accepted that contracts have ended, their activity comes late: it confirms that
end, and ends no other contract. And where a person holds the same contract as a position, the
clearing house ends the person's contracts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from options_platform.domain.chain.occ_symbols import parse_symbol, share_symbol
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position, without_legs
from options_platform.domain.trading.reconciliation.renames import is_same_contract
from options_platform.domain.trading.reconciliation.settlement import (
    ACCEPTED,
    ENDS,
    SIDES,
    Settlement,
    delivered,
    ended_if_empty,
)
from options_platform.domain.trading.reports import Activity

BY_WORD_ID = "accepted-"
"""The beginning of the activity ids of accepted ends."""

SOLD_BY_PERSON, BOUGHT_BY_PERSON = "", "bought"
"""The owners, in place of a position, of a person's contracts that an activity has ended."""

PERSONS = (SOLD_BY_PERSON, BOUGHT_BY_PERSON)

LATEST_DAYS = 5
"""By how many days the broker's activity may follow the acceptance."""


@dataclass(frozen=True)
class AcceptedEnd:
    """Contracts of a position that a person's acceptance ended on a day.

    `kind` is OPASN where the account showed the shares that were delivered for them, else ACCEPTED:
    nothing was delivered.
    """

    key: str
    kind: str
    symbol: str
    position_id: str
    quantity: int
    on: date


def ends_by_word(
    before: Iterable[Position], after: Iterable[Position], on: date
) -> tuple[AcceptedEnd, ...]:
    """The contracts that an acceptance has ended, leg by leg."""
    ends = []
    for was, position in zip(before, after, strict=True):
        for leg, count in was.held.items():
            ended = count - position.held.get(leg, 0)
            if ended > 0 and not leg.is_shares:
                symbol, position_id = leg.symbol(was.ticker), was.position_id
                activity = Activity(
                    f"{BY_WORD_ID}{on}-{position_id}", ACCEPTED, symbol, ended, None, on
                )
                ends.append(AcceptedEnd(activity.key, ACCEPTED, symbol, position_id, ended, on))
    return tuple(ends)


def explained_before(
    activity: Activity,
    accepted: Iterable[AcceptedEnd],
    opened: Mapping[str, date],
    expected: Mapping[str, int],
    at_broker: Mapping[str, float],
) -> list[tuple[AcceptedEnd, int]]:
    """The accepted ends that an activity confirms, and how many contracts of each.

    Args:
        activity: with the contracts that are not settled yet.
        accepted: the accepted ends that no activity has confirmed yet.
        opened: by position_id the day of its opening: nothing ended before.
        expected: contracts by symbol that the account should hold.
        at_broker: those that the broker lists. They decide on an activity that is dated after the
            acceptance: where all are listed that should be, no others have ended.
    """
    left = abs(round(activity.quantity))
    explained = []
    for end in accepted:
        is_same_end = end.kind in (activity.kind, ACCEPTED) and _is_same(
            end.symbol, activity.symbol
        )
        if not is_same_end or activity.on < opened.get(end.position_id, date.max):
            continue
        expected_count, shown = expected.get(end.symbol, 0), at_broker.get(end.symbol, 0)
        shows_all = (
            shown <= expected_count
            if expected_count < 0 or activity.kind == "OPASN"
            else shown >= expected_count
        )
        is_late = activity.on > end.on
        if is_late and (not shows_all or activity.on > end.on + timedelta(days=LATEST_DAYS)):
            continue
        count = min(left, end.quantity)
        if count > 0:
            left -= count
            explained.append((end, count))
    return explained


def delivered_late(
    activity: Activity, end: AcceptedEnd, count: int, position: Position
) -> Settlement:
    """The settlement of an activity that confirms an accepted end.

    It delivers shares at the strike, which reopen a closed position; nothing where the account had
    shown the shares before, or for an expiry.
    """
    ended = {position.position_id: count}
    leg = next(
        (
            leg
            for leg in (*position.legs, *position.loose)
            if _is_same(leg.symbol(position.ticker), end.symbol)
            and leg.side in SIDES[activity.kind]
        ),
        None,
    )
    if end.kind != ACCEPTED or activity.kind == "OPEXP" or leg is None:
        return Settlement((), {}, 0.0, 0, ended)
    shares, paid = delivered(activity.kind, leg, count)
    open_again = replace(position, closed_on=None, exit_reason=None)
    after = without_legs(open_again, {}, cash_usd=paid, came=shares)
    came = {one.symbol(position.ticker): one.signed_ratio for one in shares}
    return Settlement(
        (ended_if_empty(after, ENDS[activity.kind], activity.on),), came, paid, 0, ended
    )


def settled_beside(
    activity: Activity, beside: Mapping[str, int], tickers: Iterable[str]
) -> Settlement:
    """The settlement of contracts that a person holds beside the positions.

    `beside` are these contracts by symbol; `tickers` are those of the positions, since the root of
    a contract does not say how a class of shares is written.
    """
    count = abs(round(activity.quantity))
    held, parts = beside.get(activity.symbol, 0), parse_symbol(activity.symbol)
    side = "buy" if held > 0 else "sell"
    if not held or parts is None or side not in SIDES[activity.kind]:
        return Settlement((), {}, 0.0, count)
    root, expiry, right, strike = parts
    ended = min(count, abs(held))
    leg = OrderLeg(side, right, strike, expiry)  # type: ignore[arg-type]
    shares, paid = delivered(activity.kind, leg, ended)
    base = root.rstrip("0123456789")
    named = [name for name in tickers if share_symbol(name).replace(".", "") == base]
    adjustments = {activity.symbol: -ended if held > 0 else ended}
    for leg_of_shares in shares:
        symbol = leg_of_shares.symbol(named[0] if named else base)
        adjustments[symbol] = leg_of_shares.signed_ratio
    owner = BOUGHT_BY_PERSON if held > 0 else SOLD_BY_PERSON
    return Settlement((), adjustments, paid, count - ended, {owner: ended})


def given_back_beside(
    activity: Activity, count: int, owner: str, tickers: Iterable[str]
) -> Settlement:
    """The reverse of :func:`settled_beside`, for `count` contracts recorded under `owner`."""
    is_bought = owner == BOUGHT_BY_PERSON or "sell" not in SIDES[activity.kind]
    beside = {activity.symbol: count if is_bought else -count}
    done = settled_beside(replace(activity, quantity=count), beside, tickers)
    back = {symbol: -quantity for symbol, quantity in done.adjustments.items()}
    return Settlement((), back, -done.cash_usd, 0, {owner: -count})


def _is_same(symbol: str, stated: str) -> bool:
    return is_same_contract(symbol, stated) or is_same_contract(stated, symbol)
