"""Open positions and what they are worth; every sum here is exact bookkeeping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from options_platform.domain.orders import OrderLeg

SHARES = 100


@dataclass(frozen=True)
class Position:
    """A filled spread. Prices are USD a share, net, debit positive; `*_usd` the whole position.

    `mark_price` is what it was worth at the close of `marked_on`. A closed position has an
    `exit_price` (what closing brought, in the same sense) and a reason.
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
        return 0.0 if self.closed_on else self.mark_price * self.units

    @property
    def profit_usd(self) -> float:
        """Realised profit of a closed position, unrealised of an open one, fees deducted."""
        price = self.mark_price if self.exit_price is None else self.exit_price
        return (price - self.entry_price) * self.units - self.fees_usd

    @property
    def cash_usd(self) -> float:
        """What the position has added to the account's cash so far."""
        received = 0.0 if self.exit_price is None else self.exit_price * self.units
        return received - self.entry_price * self.units - self.fees_usd


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
