"""Adopting orders of this account that the ledger does not have, or that replaced one of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from options_platform.adapters.ports.broker import BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.orders import ENDED
from options_platform.domain.trading.reconciliation.adoption import (
    adopted_entry,
    adopted_exit,
    successor,
)
from options_platform.formats import count

LEDGER_OLDER = "LEDGER_OLDER"
REPLACED = "REPLACED"


@dataclass(frozen=True)
class Adopting:
    """Records orders of this account that the broker shows and the ledger does not have."""

    ledger: Ledger

    def adopt(self, reports: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Record the orders of this account that the ledger does not have.

        They show that the ledger is older than the account, as one from a backup is. A halt may be
        missing from it too, so entries are halted until a person resumes.
        """
        recorded = {order.client_order_id: order for order in self.ledger.orders()}
        unrecorded = [report for name, report in reports.items() if name not in recorded]
        adopted = [adopted_entry(report, self.ledger.account) for report in unrecorded]
        entries = [order for order in adopted if order is not None]
        tickers = {o.position_id: o.ticker for o in (*recorded.values(), *entries)}
        exits = [adopted_exit(report, tickers) for report in unrecorded]
        ours = [*entries, *(order for order in exits if order is not None)]
        if ours:
            # First, since nothing shows it any more once they are recorded.
            self.ledger.halt(
                f"{LEDGER_OLDER}: the broker has {count(len(ours), 'order')} of this account that "
                "the ledger did not know; taken over",
                now,
            )
        for order in sorted(ours, key=lambda o: (o.session, o.purpose, o.attempt)):
            # A halt that the ledger does not have may have voided it: it is not repriced.
            is_void = order.purpose == "entry"
            self.ledger.record_intent(replace(order, placed_at=now, withdrawn=is_void), now)
        self.adopt_successors(reports, now)

    def adopt_successors(self, reports: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Adopt the orders by which a person replaced ours, and what replaced these in turn."""
        while self._adopted_successor(reports, now):
            pass

    def _adopted_successor(self, reports: Mapping[str, BrokerOrder], now: datetime) -> bool:
        by_broker_id = {name: report for report in reports.values() for name in report.broker_ids}
        orders = self.ledger.orders()
        recorded = {order.client_order_id: order for order in orders}
        for order_id, report in reports.items():
            replaced = recorded.get(order_id)
            after = by_broker_id.get(report.replaced_by or "")
            if replaced is None or after is None or after.client_order_id in recorded:
                continue
            order = successor(replaced, after, orders)
            if order is not None:
                # An order that was withdrawn is withdrawn under its new id too.
                self.ledger.record_intent(
                    replace(
                        order,
                        placed_at=now,
                        reason=replaced.reason,
                        withdrawn=replaced.withdrawn,
                    ),
                    now,
                )
                return True
        return False

    def without_replaced(self, reports: Mapping[str, BrokerOrder]) -> dict[str, BrokerOrder]:
        """The reports, where a replaced order counts as canceled once its successor is recorded.

        It does too where the successor cannot be adopted, and has ended unfilled.
        """
        followed = {order.client_order_id for order in self.ledger.orders()}
        followed |= {
            name
            for name, report in reports.items()
            if report.status in ENDED and not report.filled_qty
        }
        ids = {
            name: report.client_order_id
            for report in reports.values()
            for name in report.broker_ids
        }
        return {
            order_id: replace(report, status="canceled", reason=REPLACED)
            if report.replaced_by is not None and ids.get(report.replaced_by) in followed
            else report
            for order_id, report in reports.items()
        }
