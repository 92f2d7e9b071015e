"""Positions and the account, and what they are worth; every sum here is exact bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from options_platform.domain.trading.orders import SHARES, OrderLeg, closing, rule_set_of
from options_platform.errors import LedgerError


@dataclass(frozen=True)
class Position:
    """A filled spread. Prices are USD a share, net, debit positive; `*_usd` the whole position.

    `mark_price` is its value at the close of `marked_on`. Of its `contracts`, `closed_contracts`
    have been closed at `exit_price` on average (what closing brought, in the same sense); with the
    last of them the position has a day and a reason of its closing.

    `broken_contracts` are spreads of which one leg has ended without the others: by an assignment,
    an exercise, an expiry, or an order for that leg alone. The legs that are left are `loose`, each
    with its number of contracts (or single shares) as its ratio; `loose_cash_usd` is what breaking
    the spreads and trading their legs has brought, `loose_value_usd` the value of the loose legs at
    the mark.
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
    broken_contracts: int = 0
    loose: tuple[OrderLeg, ...] = ()
    loose_cash_usd: float = 0.0
    loose_value_usd: float = 0.0

    @property
    def rule_set(self) -> str:
        """The rule set that opened it."""
        return rule_set_of(self.position_id)

    @property
    def open_contracts(self) -> int:
        """Whole spreads that are still open."""
        return self.contracts - self.closed_contracts - self.broken_contracts

    @property
    def is_held(self) -> bool:
        """Whether any leg is still held."""
        return self.open_contracts > 0 or bool(self.loose)

    @property
    def held(self) -> dict[OrderLeg, int]:
        """Contracts (or single shares) that are still held, by leg of ratio 1; all above 0.

        A leg counts once, with what is held of it in whole spreads and loose.
        """
        counts: dict[OrderLeg, int] = {}
        for leg in self.legs:
            key = replace(leg, ratio=1)
            counts[key] = counts.get(key, 0) + leg.ratio * self.open_contracts
        for leg in self.loose:
            key = replace(leg, ratio=1)
            counts[key] = counts.get(key, 0) + leg.ratio
        return {leg: count for leg, count in counts.items() if count}

    @property
    def expiry(self) -> date:
        """Expiry of the first leg to expire."""
        return min(leg.expiry for leg in self.legs)

    @property
    def units(self) -> int:
        """Shares that its contracts are for."""
        return SHARES * self.contracts

    @property
    def value_usd(self) -> float:
        """What closing at the mark would bring; 0 once closed."""
        if self.closed_on:
            return 0.0
        return self.mark_price * SHARES * self.open_contracts + self.loose_value_usd

    @property
    def profit_usd(self) -> float:
        """Profit since the entry, realised and unrealised, fees deducted."""
        exit_price = self.entry_price if self.exit_price is None else self.exit_price
        realised = (exit_price - self.entry_price) * SHARES * self.closed_contracts
        unrealised = (self.mark_price - self.entry_price) * SHARES * self.open_contracts
        broken = self.loose_cash_usd + (0.0 if self.closed_on else self.loose_value_usd)
        broken -= self.entry_price * SHARES * self.broken_contracts
        return realised + unrealised + broken - self.fees_usd

    @property
    def cash_usd(self) -> float:
        """What the position has added to the account's cash so far."""
        received = (self.exit_price or 0.0) * SHARES * self.closed_contracts
        return received + self.loose_cash_usd - self.entry_price * self.units - self.fees_usd

    @property
    def risk_usd(self) -> float:
        """The maximum loss of what is still held, USD.

        Shares of an assignment and the bought leg that covers them lose at most what the spread
        would.
        """
        at_risk = self.open_contracts + (self.broken_contracts if self.loose else 0)
        return self.max_loss_usd * (at_risk / self.contracts)


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


@dataclass(frozen=True)
class BrokenMark:
    """A position with broken spreads at the close of a session: what its views show of it.

    `open_contracts` are the spreads that are still whole, `*_usd` the whole position; `delta`,
    `gamma`, `theta` and `vega` are those of the loose legs, in the units of the table `positions`.
    """

    session: date
    position_id: str
    open_contracts: int
    value_usd: float
    profit_usd: float
    risk_usd: float
    delta: float
    gamma: float
    theta: float
    vega: float


def without_legs(
    position: Position,
    ended: Mapping[OrderLeg, int],
    *,
    cash_usd: float = 0.0,
    came: Sequence[OrderLeg] = (),
) -> Position:
    """The position once contracts of single legs have ended, and others came in their place.

    Args:
        position: as it was.
        ended: contracts (or shares) by leg, of the side that was held; ratios do not count.
        cash_usd: what their end has brought.
        came: legs that came for them, such as the shares of an assignment.

    Loose legs end first; beyond them spreads are broken, whose other legs become loose. Raises
    :class:`LedgerError` for more than the position holds.
    """
    loose = {replace(leg, ratio=1): leg.ratio for leg in position.loose}
    broken = 0
    for leg, count in ended.items():
        of_spread = _spread_leg(position, leg)
        short = count - loose.get(replace(leg, ratio=1), 0)
        if short > 0 and of_spread is not None:
            broken = max(broken, -(-short // of_spread.ratio))
    broken = min(broken, position.open_contracts)
    for leg in position.legs if broken else ():
        key = replace(leg, ratio=1)
        loose[key] = loose.get(key, 0) + leg.ratio * broken
    for leg, count in ended.items():
        key = replace(leg, ratio=1)
        left = loose.get(key, 0) - count
        if left < 0:
            raise LedgerError(
                f"{-left} more contracts of {leg.symbol(position.ticker)} would end than position "
                f"{position.position_id} holds; run: options-platform reconcile"
            )
        loose[key] = left
    for leg in came:
        _add_leg(loose, leg)
    held = tuple(replace(leg, ratio=count) for leg, count in loose.items() if count)
    # Until the next mark the loose legs are worth what the broken spreads were.
    marked = position.loose_value_usd + position.mark_price * SHARES * broken - cash_usd
    return replace(
        position,
        broken_contracts=position.broken_contracts + broken,
        loose=held,
        loose_cash_usd=position.loose_cash_usd + cash_usd,
        loose_value_usd=marked if held else 0.0,
    )


def _add_leg(loose: dict[OrderLeg, int], leg: OrderLeg) -> None:
    """Add a leg, netted with the other side of the same contract."""
    key = replace(leg, ratio=1)
    (other,) = closing((key,))
    netted = min(loose.get(other, 0), leg.ratio)
    if netted:
        loose[other] -= netted
    loose[key] = loose.get(key, 0) + leg.ratio - netted


def _spread_leg(position: Position, leg: OrderLeg) -> OrderLeg | None:
    return next((one for one in position.legs if replace(one, ratio=leg.ratio) == leg), None)


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
