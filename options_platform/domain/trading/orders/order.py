"""An order and its legs; every change of state passes through :meth:`Order.to`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from options_platform.domain.calendar.sessions import close_time, open_time, shift
from options_platform.domain.chain.occ_symbols import share_symbol, symbol_of
from options_platform.domain.trading.orders.id_patterns import rule_set_of
from options_platform.domain.trading.orders.states import ENDED, FINAL, RESTING, TRANSITIONS
from options_platform.errors import LedgerError

Purpose = Literal["entry", "exit", "exercise"]
SHARES = 100
"""Shares that a contract is for."""


@dataclass(frozen=True)
class OrderLeg:
    """One leg of an order: `ratio` contracts for each spread.

    A leg of the right `shares` is the underlying itself, `ratio` single shares; see
    :func:`shares_leg`. `root` is the contract's root where it is not the ticker's own, as after a
    split (`SPY1`).
    """

    side: Literal["buy", "sell"]
    right: Literal["call", "put", "shares"]
    strike: float
    expiry: date
    ratio: int = 1
    root: str = ""

    @property
    def is_shares(self) -> bool:
        """Whether it is the underlying itself."""
        return self.right == "shares"

    @property
    def signed_ratio(self) -> int:
        """Contracts, or shares, that one spread adds to the account; sold ones are negative."""
        return self.ratio if self.side == "buy" else -self.ratio

    def symbol(self, ticker: str) -> str:
        """The contract's OCC symbol; for shares the ticker's own, as brokers write it."""
        if self.is_shares:
            return share_symbol(ticker)
        return symbol_of(self.root or ticker, self.expiry, self.right, self.strike)


def shares_leg(side: Literal["buy", "sell"], shares: int = 1) -> OrderLeg:
    """The leg that holds `shares` of the underlying; it has neither strike nor expiry."""
    return OrderLeg(side, "shares", 0.0, date.max, shares)


def multiplier_of(legs: Iterable[OrderLeg]) -> int:
    """USD for each USD of the net price of `legs`: 1 for shares alone, else 100.

    So a price of shares alone is that of a share, and one of contracts is per share of what they
    are for; where both are priced together, a share counts a hundredth of its price.
    """
    return 1 if all(leg.is_shares for leg in legs) else SHARES


@dataclass(frozen=True)
class Order:
    """An order for `contracts` spreads, or for that many shares.

    `limit_price` is per share and net, debit positive, credit negative; None takes the market.
    `avg_price` is what was paid, in the same sense. `session` is the one whose plan it serves;
    the order works in the next one. `position_id` is the first entry's id, for entries too.
    `max_profit_usd` is infinite where the profit has no bound.
    `attempt` counts the orders of one purpose and position, from 1: it rises after an attempt that
    ended with something left to do.
    `seen` says that the broker has shown it. An order that is `withdrawn` is never sent, or sent
    again, and is canceled wherever the broker shows it.
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
    seen: bool = False
    withdrawn: bool = False

    @property
    def is_final(self) -> bool:
        """Whether its state cannot change any more."""
        return self.status in FINAL

    @property
    def rule_set(self) -> str:
        """The rule set whose position it opens or closes."""
        return rule_set_of(self.position_id)

    @property
    def multiplier(self) -> int:
        """USD for each USD of its price and spread: 100, and 1 where it trades shares alone."""
        return multiplier_of(self.legs)

    @property
    def paid_usd(self) -> float:
        """What its fills have cost, USD without fees; negative where they brought money."""
        return self.filled_qty * (self.avg_price or 0.0) * self.multiplier

    @property
    def remaining(self) -> int:
        """Spreads (or shares) not filled yet."""
        return self.contracts - self.filled_qty

    @property
    def works_from(self) -> datetime:
        """When it begins to work: the open of the session after that of its plan."""
        return open_time(shift(self.session, 1))

    @property
    def expires_at(self) -> datetime:
        """When it expires unfilled: the close of the session after that of its plan."""
        return close_time(shift(self.session, 1))

    def to(self, status: str, **changes: object) -> Order:
        """The order in its next state.

        In a state that is not final the order may keep its state and change otherwise, as when
        more of it fills. Raises :class:`LedgerError` if the state may not follow this one, if fewer
        spreads would be filled than were before, or more than were ordered.
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
        return self._with_fills_of(after)

    def shown(self, status: str, **changes: object) -> Order:
        """The order in the state that the broker shows: evidence, which may follow any state.

        It corrects what was concluded without evidence (rejected, never sent, missing). Raises
        :class:`LedgerError` if fewer spreads would be filled than were before, or more than were
        ordered.
        """
        return self._with_fills_of(
            replace(self, status=status, seen=True, **changes)  # type: ignore[arg-type]
        )

    def require_follows(self, after: Order) -> None:
        """Raise :class:`LedgerError` unless `after` may follow this, the recorded state.

        Own steps follow :data:`TRANSITIONS`; what the broker has shown may follow anything but
        what it has shown to have ended.
        """
        is_evidence = after.seen and after.status in (*RESTING, *ENDED)
        reopens = self.seen and self.status in ENDED and after.status not in ENDED
        if is_evidence and not (reopens and after.filled_qty == self.filled_qty):
            self._with_fills_of(after)
            return
        self.to(
            after.status, **{name: getattr(after, name) for name in _FIELDS if name != "status"}
        )

    def _with_fills_of(self, after: Order) -> Order:
        if not self.filled_qty <= after.filled_qty <= after.contracts:
            raise LedgerError(
                f"order {self.client_order_id} has {self.filled_qty} of {after.contracts} filled "
                f"and cannot have {after.filled_qty}; {_ASK}"
            )
        return after


_ASK = "run: options-platform reconcile"
_FIELDS = tuple(Order.__dataclass_fields__)


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
    """Contracts (or shares) by symbol that the whole order trades; bought ones positive."""
    return {leg.symbol(order.ticker): leg.signed_ratio * order.contracts for leg in order.legs}


def contracts_held(orders: Iterable[Order]) -> dict[str, int]:
    """Contracts (or shares) by symbol that the fills of `orders` leave; bought ones positive.

    There are no zeros. What was exercised shows as an activity of the account, not as a fill.
    """
    held: dict[str, int] = {}
    for order in orders:
        if order.filled_qty and order.purpose != "exercise":
            for leg in order.legs:
                symbol = leg.symbol(order.ticker)
                held[symbol] = held.get(symbol, 0) + leg.signed_ratio * order.filled_qty
    return {symbol: quantity for symbol, quantity in held.items() if quantity}
