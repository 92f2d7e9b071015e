"""What a person has accepted as the broker has it, and when that is taken back.

An acceptance ends positions, and it may be wrong, as when the broker's list lagged. So what it
changed is kept: once the broker shows the accepted contracts again, the positions are reopened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.beside import AcceptedEnd
from options_platform.domain.trading.reconciliation.differences import Difference, LedgerStatement

LONGEST_LAG = timedelta(days=2)
"""For how long after an acceptance the broker's list may prove it wrong."""


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


def is_refuted(
    acceptance: Acceptance,
    ledger_side: LedgerStatement,
    at_broker: Mapping[str, float],
    now: datetime,
    by_hand: Collection[str] = (),
) -> bool:
    """Whether the broker no longer shows the accepted differences, and nothing followed from them.

    The list had lagged then, or a late fill explains the differences. It counts only for as long as
    a list may lag, and not for contracts that a person has traded `by_hand`.
    """
    age = None if acceptance.at is None else now - acceptance.at
    if not acceptance.changes or age is None or age > LONGEST_LAG:
        return False
    if set(by_hand) & set(acceptance.changes):
        return False
    expected = ledger_side.contracts
    positions = {position.position_id: position for position in ledger_side.positions}
    shows_again = all(
        at_broker.get(symbol, 0) == expected.get(symbol, 0) - change
        for symbol, change in acceptance.changes.items()
    )
    return shows_again and all(
        p.position_id in positions and _unmarked(positions[p.position_id]) == _unmarked(p)
        for p in acceptance.after
    )


def _unmarked(position: Position) -> Position:
    """The position without its mark, which each close makes anew."""
    return replace(position, mark_price=0.0, marked_on=position.opened_on, loose_value_usd=0.0)


def _amounts(difference: Difference) -> str:
    """The amounts in the text of a difference, without its cause."""
    return difference.text.partition(" (")[0]
