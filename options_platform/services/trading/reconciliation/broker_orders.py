"""Bringing the orders of the ledger up to date with those that the broker shows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import Broker, BrokerDoubtError, BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import CANCELLABLE, ENDED, RESTING, Order
from options_platform.domain.trading.orders.superseded import superseded
from options_platform.domain.trading.position_fills import with_all_attempts
from options_platform.domain.trading.reconciliation.differences import keeps_from_trading
from options_platform.domain.trading.reducer import Event
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.reconciliation.adopting import Adopting
from options_platform.services.trading.reconciliation.statements import compared_since
from options_platform.settings.broker_rules import ReconcileRules


@dataclass(frozen=True)
class BrokerOrders:
    """Records in the ledger of one account what the broker shows of its orders."""

    execution: Execution
    rules: ReconcileRules

    @property
    def ledger(self) -> Ledger:
        """The ledger of the account."""
        return self.execution.ledger

    @property
    def broker(self) -> Broker:
        """The broker of the account."""
        return self.execution.broker

    @property
    def adopting(self) -> Adopting:
        """Records unknown orders of this account."""
        return Adopting(self.ledger)

    def take_over(self, now: datetime, session: date | None) -> dict[str, BrokerOrder]:
        """The broker's orders by id, once the ledger's are brought up to date with them.

        Raises :class:`BrokerDoubtError` while they cannot be listed.
        """
        reports = self._listed(now)
        self.adopting.adopt(reports, now)
        reports = self.adopting.without_replaced(reports)
        orders = {order.client_order_id: order for order in self.ledger.orders()}
        unsettled = {order.client_order_id: order for order in self.ledger.unsettled_orders()}
        for order_id, listed in list(reports.items()):
            order, report = orders.get(order_id), listed
            if order is not None and _rests_again(order, listed):
                # A lagging list may show it so: look it up before anything is done.
                with suppress(BrokerDoubtError):
                    report = reports[order_id] = self.broker.find(order_id) or listed
            if order is not None and _is_news(order, report):
                # A report that cannot be true stays a difference, and is named as one.
                with suppress(BrokerDoubtError):
                    self.execution.carry_out(order, Event.SHOWN, now, session, report)
        for order_id, order in unsettled.items():
            is_asked_for = order.purpose == "exercise" and order.status != "intent"
            if order_id in reports or _is_given_up(order, now) or is_asked_for:
                # An exercise cannot be looked up as an order: its activity reports it.
                continue
            try:
                looked_up = self.broker.find(order_id)
            except BrokerDoubtError as doubt:
                self.ledger.note(order_id, now, f"DOUBT: {doubt}")
                continue
            if looked_up is None:
                self.execution.carry_out(order, Event.ABSENT, now, session)
                continue
            reports[order_id] = looked_up
            with suppress(BrokerDoubtError):
                self.execution.carry_out(order, Event.SHOWN, now, session, looked_up)
        self._show_late_successors(reports, now, session)
        self._count_all_attempts(now)
        self._cancel_superseded(now)
        return reports

    def _listed(self, now: datetime) -> dict[str, BrokerOrder]:
        # An order may fill days after it was sent, as over a long weekend, and clocks differ.
        unsettled = self.ledger.unsettled_orders()
        since = compared_since(self.ledger, unsettled, now, self.rules) - timedelta(days=5)
        reports = [*self.broker.orders_since(since), *self.broker.working()]
        return {report.client_order_id: report for report in reports}

    def _show_late_successors(
        self, reports: Mapping[str, BrokerOrder], now: datetime, session: date | None
    ) -> None:
        """Adopt what replaced an order by hand where only the look-up shows the replacement."""
        before = {order.client_order_id for order in self.ledger.orders()}
        self.adopting.adopt_successors(reports, now)
        for order in self.ledger.orders():
            if order.client_order_id not in before:
                with suppress(BrokerDoubtError):
                    report = reports[order.client_order_id]
                    self.execution.carry_out(order, Event.SHOWN, now, session, report)

    def _count_all_attempts(self, now: datetime) -> None:
        entries = [order for order in self.ledger.orders() if order.purpose == "entry"]
        for position in self.ledger.positions():
            of_it = (order for order in entries if order.position_id == position.position_id)
            after = with_all_attempts(position, of_it)
            if after != position:
                self.ledger.record_position(after, now, "CORRECTED: all attempts of its entry")

    def _cancel_superseded(self, now: datetime) -> None:
        """Cancel orders that rest beside another attempt that does their work, or has done it."""
        orders = self.ledger.orders()
        held = {p.position_id: p.held for p in self.ledger.positions()}
        for order in superseded(orders, held):
            self.execution.carry_out(order, Event.UNWANTED, now)


def _is_given_up(order: Order, now: datetime) -> bool:
    """Whether a missing order is no longer looked up: only the lists may still show it."""
    return order.status == "missing" and not keeps_from_trading(
        order, now.astimezone(NEW_YORK).date()
    )


def _rests_again(order: Order, report: BrokerOrder) -> bool:
    """Whether a list shows an order as resting that the broker has shown as ended."""
    is_ended = order.seen and order.status in ENDED
    return is_ended and report.status in RESTING and report.filled_qty <= order.filled_qty


def _is_news(order: Order, report: BrokerOrder) -> bool:
    """Whether a report says something new of an order, or shows one that may have to leave."""
    recorded = (order.status, order.filled_qty, order.avg_price, order.seen)
    shown = (report.status, report.filled_qty, report.avg_price, True)
    return recorded != shown or (report.status in CANCELLABLE)
