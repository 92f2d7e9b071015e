"""Bringing ledger and broker together: take over what the broker says, then name what differs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from options_platform.adapters.brokers.port import Broker, BrokerDoubtError, BrokerOrder
from options_platform.adapters.execution import Execution
from options_platform.adapters.ledger import Ledger
from options_platform.broker_rules import ReconcileRules
from options_platform.domain.orders import WORKING, Order
from options_platform.domain.reconciliation import Books, Difference, Statement, differences

CAUSES = {"OPASN": "assigned", "OPEXC": "exercised", "OPEXP": "expired"}
NO_BROKER = "BROKER"
# Fills go on while one side is read after the other.
LOOKS = 3


@dataclass(frozen=True)
class Reconciler:
    """Compares the ledger with the broker; what it finds stops new entries until it is gone."""

    execution: Execution
    rules: ReconcileRules

    @property
    def ledger(self) -> Ledger:
        """The ledger's side."""
        return self.execution.ledger

    @property
    def broker(self) -> Broker:
        """The broker's side."""
        return self.execution.broker

    def run(self, now: datetime, session: date | None = None) -> list[Difference]:
        """Take over what the broker says of working orders; what still differs, recorded too.

        A broker that gives no clear answer is itself a difference (BROKER). `session` is for a
        broker without a clock: the newest session that it was told of.
        """
        try:
            found = self._looked(now, session)
        except BrokerDoubtError as doubt:
            found = [Difference(NO_BROKER, self.broker.name, str(doubt))]
        self.ledger.record_differences(found, now)
        return found

    def accept(self, now: datetime, reason: str) -> list[Difference]:
        """Take contracts and cash over as the broker has them; what differs even so."""
        # What a fill that nobody has heard of brought is no adjustment.
        told = self.take_over(now)
        books = self.ledger.books()
        statement = self._statement(books, now, told)
        ours = books.contracts
        changes = {
            symbol: statement.contracts.get(symbol, 0) - ours.get(symbol, 0)
            for symbol in {*ours, *statement.contracts}
        }
        base = None
        if statement.cash_usd is not None:
            base = statement.cash_usd - books.cash_flow_usd
        changed = {symbol: quantity for symbol, quantity in changes.items() if quantity}
        self.ledger.adjust(changed, base, now, reason)
        return self.run(now)

    def _looked(self, now: datetime, session: date | None) -> list[Difference]:
        found: list[Difference] = []
        for _ in range(LOOKS):
            told = self.take_over(now, session)
            books = self.ledger.books()
            statement = self._statement(books, now, told)
            if books.cash_base_usd is None and statement.cash_usd is not None:
                self.ledger.adjust({}, statement.cash_usd - books.cash_flow_usd, now, "first look")
                books = self.ledger.books()
            found = differences(
                books,
                statement,
                now=now,
                cash_tolerance_usd=self.rules.cash_tolerance_usd,
                clock_tolerance_seconds=self.rules.clock_tolerance_seconds,
            )
            if not any(d.code in ("CONTRACTS", "ORDER_STATE", "CASH") for d in found):
                break
        return found

    def take_over(self, now: datetime, session: date | None = None) -> dict[str, BrokerOrder]:
        """The broker's orders by id, after the ledger's working ones were brought up to date.

        Raises :class:`BrokerDoubtError` while they cannot be read.
        """
        working = self.ledger.working_orders()
        # Its clock and ours may differ: ask for a day more than is compared.
        since = self._since(working, now) - timedelta(days=1)
        given = [*self.broker.working(), *self.broker.orders_since(since)]
        told = {order.client_order_id: order for order in given}
        for order in working:
            number = order.client_order_id
            found = told.get(number) or self.broker.find(number)
            if found is None:
                self.execution.expire_if_over(order, now, session)
                continue
            told[number] = found
            # What the states do not allow stays a difference, and is named as one.
            with suppress(BrokerDoubtError):
                self.execution.take_over(order, found, now)
        return told

    def _since(self, working: list[Order], now: datetime) -> datetime:
        """How far back final orders are compared."""
        back = now - timedelta(days=self.rules.lookback_days)
        placed = [order.placed_at for order in working if order.placed_at is not None]
        return min([back, *placed])

    def _statement(self, books: Books, now: datetime, orders: dict[str, BrokerOrder]) -> Statement:
        since = self._since([o for o in books.orders if o.status in WORKING], now)
        asked = {
            order.client_order_id
            for order in books.orders
            if order.status in WORKING
            or order.client_order_id in orders
            or (order.placed_at is not None and order.placed_at >= since)
        }
        account = self.broker.account()
        self.ledger.require_account(account.number)
        clock = self.broker.clock()
        contracts = {h.symbol: h.quantity for h in self.broker.holdings()}
        causes: dict[str, str] = {}
        if contracts != books.contracts:
            # They only say why.
            with suppress(BrokerDoubtError):
                causes = {
                    activity.symbol: f"{CAUSES[activity.kind]} on {activity.on}"
                    for activity in self.broker.activities(since.date())
                    if activity.kind in CAUSES
                }
        return Statement(
            orders={number: (o.status, o.filled_qty) for number, o in orders.items()},
            known=frozenset(asked),
            contracts=contracts,
            cash_usd=account.cash_usd,
            causes=causes,
            clock=None if clock is None else clock.now,
        )
