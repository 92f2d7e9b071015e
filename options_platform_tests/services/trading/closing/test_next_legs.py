"""What is closed next leaves every sold contract of the account covered, whosever it is."""

from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace

import pytest

from options_platform.adapters.ports.broker import Holding
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import LedgerStatement
from options_platform.services.trading.closing.next_legs import NextLegs

EXPIRY, DAY = date(2024, 3, 15), date(2024, 3, 4)
COVER = OrderLeg("buy", "put", 390.0, EXPIRY)
SOLD = OrderLeg("sell", "put", 395.0, EXPIRY)
BROKEN = Position(
    position_id="20240201-SPY-entry-0123456789", ticker="SPY", strategy="bull_put_spread",
    legs=(replace(SOLD, strike=400.0), COVER), contracts=1, opened_on=date(2024, 2, 1),
    entry_price=-1.2, entry_dte=43, max_loss_usd=380.0, max_profit_usd=120.0, fees_usd=1.3,
    mark_price=-0.8, marked_on=DAY, broken_contracts=1, loose=(COVER,),
)  # fmt: skip
"""Its sold put was assigned and the shares are closed: what covered it is left to be sold."""
OTHER = replace(BROKEN, position_id="20240201-SPY-entry-mine-0123456789")
SHORT = replace(
    BROKEN, position_id="20240202-SPY-entry-mine-0123456789", legs=(SOLD, COVER), loose=(SOLD,)
)


@dataclass(frozen=True)
class Account:
    """A ledger whose positions add up, and a broker that shows the same."""

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
        holdings = [Holding(symbol, count) for symbol, count in counts.items()]
        return SimpleNamespace(ledger=ledger, broker=SimpleNamespace(holdings=lambda: holdings))

    def next_of(self, position):
        return NextLegs(self.execution()).of(position, DAY)


def sale_of(position):
    return Order(
        client_order_id="20240304-exit-0123456789", session=DAY, ticker="SPY", purpose="exit",
        position_id=position.position_id, plan_id=position.position_id, strategy="bull_put_spread",
        legs=(replace(COVER, side="sell"),), contracts=1, limit_price=None, max_loss_usd=0.0,
        max_profit_usd=0.0, status="submitted",
    )  # fmt: skip


def test_what_nothing_needs_any_more_is_sold():
    assert Account((BROKEN,)).next_of(BROKEN) == ((COVER,), 1)


def test_the_cover_of_a_short_of_another_set_is_not_sold():
    assert Account((BROKEN, SHORT)).next_of(BROKEN) is None
    assert Account((BROKEN, OTHER, SHORT)).next_of(BROKEN) == ((COVER,), 1)


@pytest.mark.parametrize("status", ["submitted", "unknown", "missing", "cancel_pending"])
def test_nor_is_it_while_an_exit_of_another_set_may_sell_the_rest(status):
    working = (replace(sale_of(OTHER), status=status),)
    assert Account((BROKEN, OTHER, SHORT), working).next_of(BROKEN) is None
    # Its own sale is no other one, and one of whole spreads buys back what it covers.
    assert Account((BROKEN, OTHER), working).next_of(BROKEN) == ((COVER,), 1)
    spread = replace(working[0], legs=(replace(SOLD, side="buy"), replace(COVER, side="sell")))
    assert Account((BROKEN, OTHER, SHORT), (spread,)).next_of(BROKEN) == ((COVER,), 1)
