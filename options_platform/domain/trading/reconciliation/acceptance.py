"""What a person has accepted as the broker has it, and what takes that back.

A person's word ends positions, and it may be wrong, as where the broker's list lagged while it was
given. So what it changed is kept: once the broker shows again what the word said was gone, the
positions are open again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.beside import AcceptedEnd
from options_platform.domain.trading.reconciliation.differences import Difference, LedgerStatement

LONGEST_LAG = timedelta(days=2)
"""For how long after an acceptance what the broker shows may prove it wrong."""


@dataclass(frozen=True)
class Acceptance:
    """What one acceptance changed.

    `changes` are the contracts and shares by symbol that the account has more or less since, and
    `beside` the part of them that belongs to no position; `before` and `after` are the positions
    that it changed, `at` is when the word was given. `ends` are the contracts that ended by it.
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
    """The differences in contracts that a person has not been told of, or of another amount."""
    already_reported = {(d.subject, _amounts(d)) for d in reported if d.code == "CONTRACTS"}
    return [d for d in differing if (d.subject, _amounts(d)) not in already_reported]


def beside_changes(
    ledger_side: LedgerStatement, changed: Mapping[str, int], after: Sequence[Position]
) -> dict[str, int]:
    """By symbol what more, or less, belongs to no position once a person has accepted `changed`.

    All that the positions do not hold then: also what an earlier acceptance did not tell apart.
    `after` are the positions that it changed.
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
    """Whether the broker shows the accepted differences no more, and nothing came of them since.

    So it is where the list had lagged, or where a fill came to light that explains them; for no
    longer than a list may lag, and not of contracts that a person has traded `by_hand`.
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
    """What a difference says of amounts, without its cause."""
    return difference.text.partition(" (")[0]
