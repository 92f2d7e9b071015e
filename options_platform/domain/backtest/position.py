"""A position of the backtest, in whole cents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from options_platform.domain.trading.orders import SHARES

CENTS = 100


@dataclass
class BacktestPosition:
    """An open position; prices in USD a share, net, debit positive.

    `opened`, `last_session` and `assigned_on` are session numbers of the market; `first_row` is
    the position's first row in the paths. Maximum loss and profit are in USD, fees included.
    `is_left_by_rule`: an exit was decided at the close after which it was assigned.
    """

    trade: int
    plan_id: str
    ticker: str
    contracts: int
    opened: int
    first_row: int
    last_session: int
    entry_price: float
    entry_cents: int
    fee_cents: int
    entry_dte: int
    expiry: date
    max_loss_usd: float
    max_profit_usd: float
    exit_reason: str | None = None
    assigned_on: int | None = None
    is_left_by_rule: bool = False

    @property
    def has_exit_order(self) -> bool:
        """Whether an order to close it works from this close on."""
        by_rule = self.assigned_on is None or self.is_left_by_rule
        return self.exit_reason is not None and by_rule

    @property
    def units(self) -> int:
        """Shares behind the position: 100 x contracts."""
        return SHARES * self.contracts

    def row(self, session: int) -> int:
        """Row of a session in the paths."""
        return self.first_row + session - self.opened


def to_cents(price: float, units: int) -> int:
    """Price (USD a share) times shares, in whole cents."""
    return round(price * units * CENTS)
