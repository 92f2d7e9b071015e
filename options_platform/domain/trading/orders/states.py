"""The states of an order, and which may follow which.

An order is an `intent` once it is recorded and before anything is sent. It is `unknown` from just
before its request leaves until the answer is recorded, so a process that dies, a time-out, a broken
connection and a server error all leave the same, true record: only the broker can say what became
of it. It is `missing` once its session is over and neither the broker's lists nor its look-up show
it; it may still have filled. All other states are the broker's own, except `not_sent`.

:data:`TRANSITIONS` lists what may follow by our own steps. What the broker shows is evidence, and
may follow any state; :mod:`options_platform.domain.trading.reducer` says how.
"""

from __future__ import annotations

RESTING = ("submitted", "accepted", "partially_filled", "cancel_pending")
"""States in which an order is at the broker and may fill."""

ENDED = ("filled", "canceled", "expired", "rejected")
"""States in which the broker has ended an order."""

_AT_THE_BROKER = frozenset({*RESTING, *ENDED})

TRANSITIONS: dict[str, frozenset[str]] = {
    "intent": frozenset({"unknown", "not_sent", "expired"}),
    "unknown": _AT_THE_BROKER | {"missing"},
    "submitted": _AT_THE_BROKER | {"unknown", "missing"},
    # What was taken overnight is routed at the open.
    "accepted": _AT_THE_BROKER | {"unknown", "missing"},
    "partially_filled": frozenset({*ENDED, "cancel_pending", "unknown", "missing"}),
    # A cancel may come too late, or be refused.
    "cancel_pending": _AT_THE_BROKER | {"unknown", "missing"},
    "missing": _AT_THE_BROKER,
    "not_sent": frozenset(),
    "filled": frozenset(),
    "canceled": frozenset(),
    "expired": frozenset(),
    "rejected": frozenset(),
}
"""From each state to those that may follow; a state without any is final."""

FINAL = tuple(state for state, after in TRANSITIONS.items() if not after)

WORKING = tuple(state for state in TRANSITIONS if state not in (*FINAL, "missing"))
"""States in which an order is in the market, or may still get there."""

IN_DOUBT = ("unknown", "missing")
"""States in which only the broker can say what became of an order."""

CANCELLABLE = ("submitted", "accepted", "partially_filled")
"""States in which asking the broker to cancel makes sense."""
