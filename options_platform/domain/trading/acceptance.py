"""What a person has accepted as the broker has it, and what takes that back.

A person's word ends positions, and it may be wrong, as where the broker's list lagged while it was
given. So what it changed is kept: once the broker shows again what the word said was gone, the
positions are open again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from options_platform.domain.positions import Position
from options_platform.domain.reconciliation import Books, Difference
from options_platform.domain.trading.beside import AcceptedEnd


@dataclass(frozen=True)
class Acceptance:
    """What one acceptance changed.

    `changes` are the contracts and shares by symbol that the account has more or less since, and
    `beside` the part of them that belongs to no position; `before` and `after` are the positions
    that it changed. `ends` are the contracts that ended by it.
    """

    changes: Mapping[str, int]
    beside: Mapping[str, int]
    before: tuple[Position, ...]
    after: tuple[Position, ...]
    ends: tuple[AcceptedEnd, ...] = ()


def not_reported(
    differing: Sequence[Difference], reported: Sequence[Difference]
) -> list[Difference]:
    """The differences in contracts that a person has not been told of, or of another amount."""
    told = {(d.subject, _amounts(d)) for d in reported if d.code == "CONTRACTS"}
    return [d for d in differing if (d.subject, _amounts(d)) not in told]


def is_refuted(acceptance: Acceptance, books: Books, at_broker: Mapping[str, float]) -> bool:
    """Whether the broker shows the accepted differences no more, and nothing came of them since.

    So it is where the list had lagged, or where a fill came to light that explains them.
    """
    if not acceptance.changes:
        return False
    expected = books.contracts
    positions = {position.position_id: position for position in books.positions}
    shows_again = all(
        at_broker.get(symbol, 0) == expected.get(symbol, 0) - change
        for symbol, change in acceptance.changes.items()
    )
    return shows_again and all(positions.get(p.position_id) == p for p in acceptance.after)


def _amounts(difference: Difference) -> str:
    """What a difference says of amounts, without its cause."""
    return difference.text.partition(" (")[0]
