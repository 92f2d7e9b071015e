"""The states of an order, and which may follow which.

An order is `intent` once it is recorded and nothing was sent. From the moment before its request
leaves until the answer is recorded it is `unknown`; so a process that dies, a time-out, a broken
connection and an error of the server all leave the same, true record, and only the broker can
say what became of it. All other states are the broker's, `not_sent` aside.
"""

from __future__ import annotations

_AT_THE_BROKER = frozenset(
    {
        "accepted",
        "partially_filled",
        "filled",
        "cancel_pending",
        "canceled",
        "expired",
        "rejected",
    }
)

TRANSITIONS: dict[str, frozenset[str]] = {
    "intent": frozenset({"unknown", "not_sent", "expired"}),
    "unknown": _AT_THE_BROKER | {"submitted"},
    "submitted": _AT_THE_BROKER | {"unknown"},
    # What was taken overnight is routed at the open.
    "accepted": (_AT_THE_BROKER - {"accepted"}) | {"submitted", "unknown"},
    "partially_filled": frozenset(
        {"filled", "cancel_pending", "canceled", "expired", "rejected", "unknown"}
    ),
    # A cancel may come too late, or be refused.
    "cancel_pending": frozenset(
        {"accepted", "partially_filled", "filled", "canceled", "expired", "rejected", "unknown"}
    ),
    "not_sent": frozenset(),
    "filled": frozenset(),
    "canceled": frozenset(),
    "expired": frozenset(),
    "rejected": frozenset(),
}
"""From each state to those that may follow; a state without any is final."""

WORKING = tuple(state for state, after in TRANSITIONS.items() if after)
FINAL = tuple(state for state, after in TRANSITIONS.items() if not after)

CANCELLABLE = ("submitted", "accepted", "partially_filled")
"""States in which asking the broker to cancel makes sense."""
