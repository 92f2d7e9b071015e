"""What a person has accepted as the broker has it, and when that is taken back.

An acceptance ends positions, and it may be wrong, as when the broker's list lagged. So what it
changed is kept: once the broker shows the accepted contracts again, the positions are reopened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import Difference, LedgerStatement
from options_platform.domain.trading.reconciliation.manual_holdings import AcceptedEnd

SESSIONS_OF_LAG = 2
"""For how many sessions after an acceptance the broker's list may prove it wrong."""


@dataclass(frozen=True)
class Acceptance:
    """What one acceptance changed.

    `changes` are the contracts and shares, by symbol, that the account has more or less by it, and
    `beside` those of them that belong to no position; `before` and `after` are the positions that
    it changed, `ends` the contracts that it ended, `at` is when it was given.
    """

    changes: Mapping[str, int]
    beside: Mapping[str, int]
    before: tuple[Position, ...]
    after: tuple[Position, ...]
    ends: tuple[AcceptedEnd, ...] = ()
    at: datetime | None = None


def not_reported(
    differing: Sequence[Difference], reported: Sequence[Difference]
) -> list[Difference]:
    """The differences in contracts that were not reported to a person, or in another amount."""
    already_reported = {(d.subject, _amounts(d)) for d in reported if d.code == "CONTRACTS"}
    return [d for d in differing if (d.subject, _amounts(d)) not in already_reported]


def beside_changes(
    ledger_side: LedgerStatement, changed: Mapping[str, int], after: Sequence[Position]
) -> dict[str, int]:
    """By symbol how many more contracts belong to no position once `changed` are accepted.

    They are all that the positions do not hold then, including what an earlier acceptance left.
    `after` are the positions that the acceptance changes.
    """
    now = {p.position_id: p for p in (*ledger_side.positions, *after)}
    accepted = replace(
        ledger_side,
        positions=tuple(now.values()),
        adjustments={
            symbol: ledger_side.adjustments.get(symbol, 0) + changed.get(symbol, 0)
            for symbol in {*ledger_side.adjustments, *changed}
        },
    )
    held, lots = accepted.contracts, accepted.lots
    left = {s: held.get(s, 0) - lots.get(s, 0) for s in {*held, *lots, *ledger_side.beside}}
    moved = {symbol: count - ledger_side.beside.get(symbol, 0) for symbol, count in left.items()}
    return {symbol: count for symbol, count in moved.items() if count}


def is_open_to_proof(acceptance: Acceptance, now: datetime) -> bool:
    """Whether the broker's list may still prove an acceptance wrong."""
    if acceptance.at is None:
        return False
    day = acceptance.at.astimezone(NEW_YORK).date()
    return now.astimezone(NEW_YORK).date() <= shift(day, SESSIONS_OF_LAG)


def refuted(
    acceptance: Acceptance,
    ledger_side: LedgerStatement,
    at_broker: Mapping[str, float],
    by_hand: Mapping[str, datetime],
    working: Collection[str] = (),
    shown_before: Collection[str] = (),
) -> Acceptance | None:
    """The part of an acceptance that the broker's list proves wrong; None if it proves nothing.

    That is position by position: each is open again whose contracts are all listed again beyond
    what the account should hold, that an earlier look showed too (`shown_before`, symbols), and
    that nothing has changed since; and of what belongs to no position what a late fill has
    explained. The list had lagged then. A contract that a person has traded `by_hand` (when, by
    symbol) after the acceptance proves nothing, nor does one that an order of this account still
    trades (`working`): it may have filled between the broker's two lists.
    """
    traded = {s for s, at in by_hand.items() if acceptance.at is None or at > acceptance.at}
    traded |= set(working)
    expected = ledger_side.contracts
    beyond = {s: at_broker.get(s, 0) - expected.get(s, 0) for s in {*at_broker, *expected}}
    positions = {position.position_id: position for position in ledger_side.positions}
    changes, pairs = dict[str, int](), list[tuple[Position, Position]]()
    for before, after in zip(acceptance.before, acceptance.after, strict=True):
        gone = _difference(before, after)
        current = positions.get(after.position_id)
        is_same = current is not None and _unmarked(current) == _unmarked(after)
        is_evidence = gone.keys() <= set(shown_before) - traded
        if is_same and gone and is_evidence and _are_there(gone, beyond):
            pairs.append((before, after))
            for symbol, count in gone.items():
                beyond[symbol] -= count
                changes[symbol] = changes.get(symbol, 0) - count
    beside = {
        symbol: count
        for symbol, count in acceptance.beside.items()
        if symbol not in traded and beyond.get(symbol, 0) == -count
    }
    if not pairs and not beside:
        return None
    for symbol, count in beside.items():
        changes[symbol] = changes.get(symbol, 0) + count
    numbers = {before.position_id for before, _ in pairs}
    return replace(
        acceptance,
        changes={symbol: count for symbol, count in changes.items() if count},
        beside=beside,
        before=tuple(before for before, _ in pairs),
        after=tuple(after for _, after in pairs),
        ends=tuple(end for end in acceptance.ends if end.position_id in numbers),
    )


def without(acceptance: Acceptance, part: Acceptance) -> Acceptance:
    """What is left of an acceptance once part of it was taken back."""
    numbers = {position.position_id for position in part.before}
    kept = [
        pair
        for pair in zip(acceptance.before, acceptance.after, strict=True)
        if pair[0].position_id not in numbers
    ]
    return replace(
        acceptance,
        beside={s: count for s, count in acceptance.beside.items() if s not in part.beside},
        before=tuple(before for before, _ in kept),
        after=tuple(after for _, after in kept),
        ends=tuple(end for end in acceptance.ends if end.position_id not in numbers),
    )


def _difference(before: Position, after: Position) -> dict[str, int]:
    """By symbol what a position held before, and no longer does; sold contracts are negative."""
    gone: dict[str, int] = {}
    for position, sign in ((before, 1), (after, -1)):
        for leg, count in position.held.items():
            symbol = leg.symbol(position.ticker)
            gone[symbol] = gone.get(symbol, 0) + sign * leg.signed_ratio * count
    return {symbol: count for symbol, count in gone.items() if count}


def _are_there(gone: Mapping[str, int], beyond: Mapping[str, float]) -> bool:
    """Whether the list shows all of what was gone, beyond what it should."""
    return all(
        beyond.get(s, 0) >= count if count > 0 else beyond.get(s, 0) <= count
        for s, count in gone.items()
    )


def _unmarked(position: Position) -> Position:
    """The position without its mark, which each close makes anew."""
    return replace(position, mark_price=0.0, marked_on=position.opened_on, loose_value_usd=0.0)


def _amounts(difference: Difference) -> str:
    """The amounts in the text of a difference, without its cause."""
    return difference.text.partition(" (")[0]
