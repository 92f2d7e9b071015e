"""Open positions and what they are worth; every sum here is exact bookkeeping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from options_platform.domain.orders import Order, OrderLeg
from options_platform.errors import LedgerError

SHARES = 100


@dataclass(frozen=True)
class Position:
    """A filled spread. Prices are USD a share, net, debit positive; `*_usd` the whole position.

    `mark_price` is what it was worth at the close of `marked_on`. Of its `contracts`,
    `closed_contracts` have been closed again at `exit_price` on average (what closing brought, in
    the same sense); with the last of them it has a day of closing and a reason.
    """

    position_id: str
    ticker: str
    strategy: str
    legs: tuple[OrderLeg, ...]
    contracts: int
    opened_on: date
    entry_price: float
    entry_dte: int
    max_loss_usd: float
    max_profit_usd: float
    fees_usd: float
    mark_price: float
    marked_on: date
    exit_price: float | None = None
    closed_on: date | None = None
    exit_reason: str | None = None
    closed_contracts: int = 0

    @property
    def open_contracts(self) -> int:
        """Spreads still held."""
        return self.contracts - self.closed_contracts

    @property
    def expiry(self) -> date:
        """Expiry of the first leg to expire."""
        return min(leg.expiry for leg in self.legs)

    @property
    def units(self) -> int:
        """Shares that a price of one USD stands for."""
        return SHARES * self.contracts

    @property
    def value_usd(self) -> float:
        """What closing at the mark would bring; 0 once closed."""
        return 0.0 if self.closed_on else self.mark_price * SHARES * self.open_contracts

    @property
    def profit_usd(self) -> float:
        """Profit since the entry, realised and unrealised, fees deducted."""
        exit_price = self.entry_price if self.exit_price is None else self.exit_price
        realised = (exit_price - self.entry_price) * SHARES * self.closed_contracts
        unrealised = (self.mark_price - self.entry_price) * SHARES * self.open_contracts
        return realised + unrealised - self.fees_usd

    @property
    def cash_usd(self) -> float:
        """What the position has added to the account's cash so far."""
        received = (self.exit_price or 0.0) * SHARES * self.closed_contracts
        return received - self.entry_price * self.units - self.fees_usd

    @property
    def risk_usd(self) -> float:
        """Maximum loss of what is still held."""
        return self.max_loss_usd * (self.open_contracts / self.contracts)


@dataclass(frozen=True)
class AccountMark:
    """The account at the close of a session, USD; equity = cash + value of the positions."""

    session: date
    cash_usd: float
    positions_usd: float
    equity_usd: float
    realised_usd: float
    unrealised_usd: float
    open_positions: int


def after_entry_fill(
    order: Order, held: Position | None, session: date, *, fees_before_usd: float = 0.0
) -> Position:
    """The position that the fills of an entry order make, all of them or some.

    The plan's bounds move by what the fills were better or worse than planned. `held` is the
    position before, of which some may be closed again, and `fees_before_usd` the part of its fees
    that was the entry's; one that was closed and gets one more spread is open again.
    """
    price = float(order.avg_price or 0.0)
    planned = float(order.limit_price if order.limit_price is not None else price)
    better = (planned - price) * SHARES * order.filled_qty
    share = order.filled_qty / order.contracts
    expiry = min(leg.expiry for leg in order.legs)
    filled = Position(
        position_id=order.position_id,
        ticker=order.ticker,
        strategy=order.strategy,
        legs=order.legs,
        contracts=order.filled_qty,
        opened_on=session if held is None else held.opened_on,
        entry_price=price,
        entry_dte=(expiry - session).days if held is None else held.entry_dte,
        max_loss_usd=order.max_loss_usd * share - better,
        max_profit_usd=order.max_profit_usd * share + better,
        fees_usd=order.fees_usd,
        mark_price=price,
        marked_on=session,
    )
    if held is None:
        return filled
    is_closed = held.closed_contracts == order.filled_qty
    return replace(
        filled,
        fees_usd=held.fees_usd + order.fees_usd - fees_before_usd,
        closed_contracts=held.closed_contracts,
        exit_price=held.exit_price,
        closed_on=held.closed_on if is_closed else None,
        exit_reason=held.exit_reason if is_closed else None,
    )


def after_exit_fill(before: Order, after: Order, position: Position, session: date) -> Position:
    """The position once an exit order has gone from `before` to `after`.

    Undoing the legs costs `avg_price`, so the position brought its negative.
    """
    closed = position.closed_contracts + after.filled_qty - before.filled_qty
    if not 0 <= closed <= position.contracts:
        raise LedgerError(
            f"order {after.client_order_id} closes more than the {position.open_contracts} spreads "
            f"of {position.position_id} that are open; run: options-platform reconcile"
        )
    if position.closed_contracts == before.filled_qty:
        brought = -float(after.avg_price or 0.0)
    else:
        earlier = (position.exit_price or 0.0) * position.closed_contracts
        now = after.filled_qty * float(after.avg_price or 0.0)
        was = before.filled_qty * float(before.avg_price or 0.0)
        brought = (earlier - (now - was)) / closed
    ended = closed == position.contracts
    return replace(
        position,
        exit_price=brought,
        closed_contracts=closed,
        closed_on=session if ended else None,
        exit_reason=after.reason if ended else None,
        fees_usd=position.fees_usd + after.fees_usd - before.fees_usd,
    )


def mark_account(session: date, start_usd: float, positions: list[Position]) -> AccountMark:
    """The account that began with `start_usd` and has held `positions`."""
    cash = start_usd + sum(position.cash_usd for position in positions)
    value = sum(position.value_usd for position in positions)
    return AccountMark(
        session=session,
        cash_usd=cash,
        positions_usd=value,
        equity_usd=cash + value,
        realised_usd=sum(p.profit_usd for p in positions if p.closed_on),
        unrealised_usd=sum(p.profit_usd for p in positions if not p.closed_on),
        open_positions=sum(1 for p in positions if not p.closed_on),
    )
