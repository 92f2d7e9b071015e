"""An exercise takes neither the contract nor the shares that cover what another set has sold."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from options_platform.adapters.ports.broker import BrokerClock, Holding, Quote
from options_platform.domain.trading.orders import Order, OrderLeg, shares_leg
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import LedgerStatement
from options_platform.services.trading.closing.exercises import Exercising
from options_platform.services.trading.closing.next_legs import NextLegs
from options_platform.settings import Settings

EXPIRY, DAY = date(2024, 3, 15), date(2024, 3, 4)
NOW = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
COVER = OrderLeg("buy", "put", 395.0, EXPIRY)
ASSIGNED = Position(
    position_id="20240201-SPY-entry-0123456789", ticker="SPY", strategy="bull_put_spread",
    legs=(replace(COVER, side="sell", strike=400.0), COVER), contracts=1,
    opened_on=date(2024, 2, 1), entry_price=-1.2, entry_dte=43, max_loss_usd=380.0,
    max_profit_usd=120.0, fees_usd=1.3, mark_price=-0.8, marked_on=DAY, broken_contracts=1,
    loose=(COVER, shares_leg("buy", 100)),
)  # fmt: skip
"""Its sold put was assigned: what covered it is worth more exercised than sold."""
SOLD = OrderLeg("sell", "put", 380.0, EXPIRY)
SHORT = replace(
    ASSIGNED, position_id="20240202-SPY-entry-ladder-0123456789", legs=(SOLD, COVER), loose=(SOLD,)
)
"""A rung of another set that has lost its own bought put."""
BOUGHT = replace(COVER, strike=390.0)
OTHER = replace(ASSIGNED, position_id="20240203-SPY-entry-mine-0123456789", loose=(BOUGHT,))
CALL = replace(SOLD, right="call", strike=420.0)


@dataclass(frozen=True)
class Account:
    """A ledger that the broker agrees with, and quotes below what an exercise brings."""

    positions: tuple[Position, ...]
    working: tuple[Order, ...] = ()

    def execution(self):
        counts = {}
        for position in self.positions:
            for leg, count in position.held.items():
                symbol = leg.symbol("SPY")
                counts[symbol] = counts.get(symbol, 0) + leg.signed_ratio * count
        statement = LedgerStatement((), self.positions, adjustments=counts)
        ledger = SimpleNamespace(
            orders=lambda session: [],
            unsettled_orders=lambda: list(self.working),
            statement=lambda: statement,
        )
        broker = SimpleNamespace(
            exercises_contracts=True,
            quotes_contracts=True,
            holdings=lambda: [Holding(symbol, count) for symbol, count in counts.items()],
            clock=lambda: BrokerClock(NOW, True, NOW, NOW),
            quotes=lambda symbols: {symbol: Quote(4.5, 5.0, NOW) for symbol in symbols},
        )
        return SimpleNamespace(ledger=ledger, broker=broker)

    def exercised(self):
        return Exercising(self.execution(), Settings()).better(ASSIGNED, DAY, 390.0)


def order_of(purpose, position, leg, status="submitted"):
    return Order(
        client_order_id="20240304-exit-0123456789", session=DAY, ticker="SPY", purpose=purpose,
        position_id=position.position_id, plan_id=position.position_id, strategy="bull_put_spread",
        legs=(replace(leg, side="sell"),), contracts=1, limit_price=None, max_loss_usd=0.0,
        max_profit_usd=0.0, status=status,
    )  # fmt: skip


def test_what_covers_nothing_else_is_exercised():
    assert Account((ASSIGNED,)).exercised() == COVER


def test_the_cover_of_a_short_of_another_set_is_not_exercised():
    assert Account((ASSIGNED, SHORT)).exercised() is None
    assert Account((ASSIGNED, OTHER, SHORT)).exercised() == COVER


def test_nor_are_the_shares_delivered_that_cover_its_sold_call():
    covered = replace(SHORT, legs=(CALL, replace(CALL, side="buy", strike=425.0)), loose=(CALL,))
    assert Account((ASSIGNED, covered)).exercised() is None


@pytest.mark.parametrize("purpose", ["exit", "exercise"])
def test_nor_is_it_while_the_rest_is_being_sold_or_exercised(purpose):
    other = replace(OTHER, loose=(BOUGHT, shares_leg("buy", 100)))
    working = (order_of(purpose, other, BOUGHT),)
    assert Account((ASSIGNED, other, SHORT), working).exercised() is None


def test_nor_is_a_contract_sold_while_an_exercise_of_the_rest_is_not_reported_yet():
    """Until its activity arrives the ledger still holds what was exercised."""
    requested = order_of("exercise", ASSIGNED, COVER)
    account = Account((ASSIGNED, OTHER, SHORT), (requested,))
    assert NextLegs(account.execution()).of(OTHER, DAY) is None
    unsent = replace(account, working=(replace(requested, status="intent"),))
    assert NextLegs(unsent.execution()).of(OTHER, DAY) == ((BOUGHT,), 1)
