"""Orders: their ids, their states, and which state may follow which."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from options_platform.errors import LedgerError

Purpose = Literal["entry", "exit"]

TRANSITIONS: dict[str, frozenset[str]] = {
    "pending": frozenset({"submitted", "filled", "rejected", "canceled", "expired", "unknown"}),
    "submitted": frozenset(
        {"partially_filled", "filled", "canceled", "expired", "rejected", "unknown"}
    ),
    "partially_filled": frozenset({"filled", "canceled", "expired", "unknown"}),
    "unknown": frozenset(
        {"submitted", "partially_filled", "filled", "canceled", "expired", "rejected"}
    ),
    "not_sent": frozenset(),
    "filled": frozenset(),
    "canceled": frozenset(),
    "expired": frozenset(),
    "rejected": frozenset(),
}
"""From each state to those that may follow; a state without any is final."""

WORKING = tuple(state for state, after in TRANSITIONS.items() if after)


@dataclass(frozen=True)
class OrderLeg:
    """One leg of an order: `ratio` contracts for each spread."""

    side: Literal["buy", "sell"]
    right: Literal["call", "put"]
    strike: float
    expiry: date
    ratio: int = 1


@dataclass(frozen=True)
class Order:
    """An order for `contracts` spreads.

    `limit_price` is per share and net, debit positive, credit negative; None takes the market.
    `avg_price` is what was paid, in the same sense. `session` is the one whose plan it serves;
    the order works in the next one. `position_id` is the entry's id, for the entry itself too.
    """

    client_order_id: str
    session: date
    ticker: str
    purpose: Purpose
    position_id: str
    plan_id: str
    strategy: str
    legs: tuple[OrderLeg, ...]
    contracts: int
    limit_price: float | None
    max_loss_usd: float
    max_profit_usd: float
    status: str = "pending"
    reason: str | None = None
    filled_qty: int = 0
    avg_price: float | None = None
    fees_usd: float = 0.0

    def to(self, status: str, **changes: object) -> Order:
        """The order in its next state; :class:`LedgerError` if that may not follow this one.

        In a state that is not final the order may stay with other content, such as more of it
        filled.
        """
        if status == self.status:
            same = replace(self, **changes)  # type: ignore[arg-type]
            if status not in WORKING and same != self:
                raise LedgerError(
                    f"order {self.client_order_id} is {status} and cannot change any more; "
                    "run: options-platform reconcile"
                )
            return same
        if status not in TRANSITIONS[self.status]:
            raise LedgerError(
                f"order {self.client_order_id} is {self.status} and cannot become {status}; "
                "run: options-platform reconcile"
            )
        return replace(self, status=status, **changes)  # type: ignore[arg-type]


def client_order_id(account: str, session: date, ticker: str, purpose: Purpose) -> str:
    """The id of the one order that an account sends for a session, ticker and purpose.

    It is known before anything is sent, so a broker asked twice for it answers with one order.
    """
    text = f"{account}|{session.isoformat()}|{ticker}|{purpose}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{session:%Y%m%d}-{ticker}-{purpose}-{digest}"


def exit_order_id(position_id: str, session: date) -> str:
    """The id of the order that closes a position, decided on the close of `session`."""
    digest = hashlib.sha256(f"{position_id}|{session.isoformat()}".encode()).hexdigest()[:10]
    return f"{session:%Y%m%d}-exit-{digest}"


def closing(legs: tuple[OrderLeg, ...]) -> tuple[OrderLeg, ...]:
    """The legs that undo `legs`."""
    return tuple(replace(leg, side="sell" if leg.side == "buy" else "buy") for leg in legs)
