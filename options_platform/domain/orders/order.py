"""An order and its legs; every change of state passes through :meth:`Order.to`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from options_platform.domain.calendar import close_time, open_time, shift
from options_platform.domain.occ import symbol_of
from options_platform.domain.orders.states import FINAL, TRANSITIONS
from options_platform.errors import LedgerError

Purpose = Literal["entry", "exit"]


@dataclass(frozen=True)
class OrderLeg:
    """One leg of an order: `ratio` contracts for each spread."""

    side: Literal["buy", "sell"]
    right: Literal["call", "put"]
    strike: float
    expiry: date
    ratio: int = 1

    @property
    def signed_ratio(self) -> int:
        """Contracts that one spread adds to the account; sold ones are negative."""
        return self.ratio if self.side == "buy" else -self.ratio

    def symbol(self, ticker: str) -> str:
        """The contract's OCC symbol."""
        return symbol_of(ticker, self.expiry, self.right, self.strike)


@dataclass(frozen=True)
class Order:
    """An order for `contracts` spreads.

    `limit_price` is per share and net, debit positive, credit negative; None takes the market.
    `avg_price` is what was paid, in the same sense. `session` is the one whose plan it serves;
    the order works in the next one. `position_id` is the first entry's id, for entries too.
    `attempt` counts the orders sent for one purpose: it rises only after one that ended unfilled.
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
    status: str = "intent"
    reason: str | None = None
    filled_qty: int = 0
    avg_price: float | None = None
    fees_usd: float = 0.0
    attempt: int = 1
    placed_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in FINAL

    @property
    def remaining(self) -> int:
        """Spreads not filled yet."""
        return self.contracts - self.filled_qty

    @property
    def works_from(self) -> datetime:
        """When it first stands in the market: the open of the session after that of its plan."""
        return open_time(shift(self.session, 1))

    @property
    def expires_at(self) -> datetime:
        """When it ends unfilled: the close of the session after the one it was decided in."""
        return close_time(shift(self.session, 1))

    def to(self, status: str, **changes: object) -> Order:
        """The order in its next state.

        In a state that is not final the order may stay with other content, such as more of it
        filled. Raises :class:`LedgerError` if the state may not follow this one, if fewer spreads
        would be filled than were before, or more than were ordered.
        """
        after = replace(self, status=status, **changes)  # type: ignore[arg-type]
        if after == self:
            return self
        if status == self.status and self.is_final:
            raise LedgerError(
                f"order {self.client_order_id} is {status} and cannot change any more; {_ASK}"
            )
        if status != self.status and status not in TRANSITIONS[self.status]:
            raise LedgerError(
                f"order {self.client_order_id} is {self.status} and cannot become {status}; {_ASK}"
            )
        if not self.filled_qty <= after.filled_qty <= self.contracts:
            raise LedgerError(
                f"order {self.client_order_id} has {self.filled_qty} of {self.contracts} filled "
                f"and cannot have {after.filled_qty}; {_ASK}"
            )
        return after


_ASK = "run: options-platform reconcile"


def closing(legs: tuple[OrderLeg, ...]) -> tuple[OrderLeg, ...]:
    """The legs that undo `legs`."""
    return tuple(replace(leg, side="sell" if leg.side == "buy" else "buy") for leg in legs)


def in_lowest_terms(order: Order) -> Order:
    """The same order with ratios without a common divisor, as brokers demand of them.

    Two spreads of ratio 2:2 are four of 1:1, each at half the price.
    """
    common = math.gcd(*(leg.ratio for leg in order.legs))
    if common == 1:
        return order
    legs = tuple(replace(leg, ratio=leg.ratio // common) for leg in order.legs)
    limit = None if order.limit_price is None else order.limit_price / common
    return replace(order, legs=legs, contracts=order.contracts * common, limit_price=limit)


def contracts_of(order: Order) -> dict[str, int]:
    """Contracts by symbol that the whole order trades; bought ones positive."""
    return {leg.symbol(order.ticker): leg.signed_ratio * order.contracts for leg in order.legs}


def contracts_held(orders: Iterable[Order]) -> dict[str, int]:
    """Contracts by symbol that the fills of `orders` leave; bought ones positive, no zeros."""
    held: dict[str, int] = {}
    for order in orders:
        if order.filled_qty:
            for leg in order.legs:
                symbol = leg.symbol(order.ticker)
                held[symbol] = held.get(symbol, 0) + leg.signed_ratio * order.filled_qty
    return {symbol: quantity for symbol, quantity in held.items() if quantity}
