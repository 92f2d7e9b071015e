"""Looking at a record of trades at fixed numbers of them only.

A record that is looked at after every trade is lucky at some point. One that is looked at when it
has 30, 60 and 120 trades, and whose newest look counts until the next, has three chances. A short
record of sold options has often not seen its large loss yet, so one loss of all that was at risk is
added for every 30 trades.
"""

from __future__ import annotations

from collections.abc import Sequence

LOOKS = (30, 60, 120)
LOSS_EVERY = 30


def looked_at(trades: Sequence[float]) -> list[float]:
    """The trades of the newest look, the oldest first; empty before the first."""
    look = max((look for look in LOOKS if look <= len(trades)), default=0)
    return [float(share) for share in trades[:look]]


def with_losses(trades: Sequence[float]) -> list[float]:
    """The trades of a look, each its profit over its capital at risk, with the added losses.

    Without a bound a trade may have lost more than it had at risk; then it may again.
    """
    worst = min([-1.0, *trades])
    return [*trades, *[worst] * (len(trades) // LOSS_EVERY)]


def next_look(trades: int) -> int | None:
    """The number of trades at which a record is looked at next; None after the last look."""
    return next((look for look in LOOKS if look > trades), None)
