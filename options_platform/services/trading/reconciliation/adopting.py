"""Orders of ours that the ledger does not know, and those that replaced ours at the broker."""

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

LEDGER_OLDER = "LEDGER_OLDER"
REPLACED = "REPLACED"


@dataclass(frozen=True)
class Adopting:
    """Takes orders of this account into the ledger that the broker shows and it lacks."""

    ledger: Ledger

    def adopt(self, reports: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Take orders of ours into the ledger that it does not know.

        Ids of ours that it lacks show that it is older than the account, as one out of a backup
        is: it may not know of a halt either, so entries are halted until a person resumes.
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
                f"{LEDGER_OLDER}: the broker has {len(ours)} orders of this account that the "
                "ledger did not know; they were taken over",
                now,
            )
        for order in sorted(ours, key=lambda o: (o.session, o.purpose, o.attempt)):
            # What a halt has voided that the ledger does not know of is not priced anew.
            is_void = order.purpose == "entry"
            self.ledger.record_intent(replace(order, placed_at=now, withdrawn=is_void), now)
        self.adopt_successors(reports, now)

    def adopt_successors(self, reports: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Follow what a person put in the place of orders of ours, and of that in turn."""
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
                # What was to leave the market is to leave it under its new id too.
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
        """The reports, of an order that was replaced as canceled once its successor is known.

        So it is where the successor is nothing that could be followed, and has ended unfilled.
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
