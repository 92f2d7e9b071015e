"""Orders and the positions that their fills open and close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from options_platform.adapters.storage.ledger.file import NOTHING_SENT, LedgerFile
from options_platform.adapters.storage.ledger.rows import (
    POSITION_FIELDS,
    write_event,
    write_order,
    write_order_event,
    write_row,
)
from options_platform.domain.trading.orders import WORKING, Order
from options_platform.domain.trading.positions import Position
from options_platform.errors import PlanChangedError


@dataclass(frozen=True)
class OrderRecords(LedgerFile):
    """Orders and positions of one account."""

    def record_intent(self, order: Order, now: datetime) -> Order:
        """Write an order before it is sent; the recorded one, where its id is recorded already.

        Raises :class:`PlanChangedError` if it was recorded for another plan.
        """
        with self._transaction("orders", "order_events") as connection:
            recorded = self._order(connection, order.client_order_id)
            if recorded is not None:
                # The plan of an adopted order is not known.
                if recorded.plan_id not in (order.plan_id, recorded.position_id):
                    raise PlanChangedError(
                        f"PLAN_CHANGED: {order.client_order_id} was recorded for plan "
                        f"{recorded.plan_id}, and the plan is now {order.plan_id}; the recorded "
                        f"order stands, {NOTHING_SENT}"
                    )
                return recorded
            write_order(connection, order, now, "intent")
            return order

    def record(
        self,
        order: Order,
        now: datetime,
        position: Position | None = None,
        detail: str | None = None,
    ) -> None:
        """Write an order's new state, and with it the position that its fill opened or changed.

        Raises :class:`LedgerError` for a state that may not follow the recorded one, such as any
        other state of an order that has filled since it was read.
        """
        changed = ("orders", "order_events", *(() if position is None else ("positions",)))
        with self._transaction(*changed) as connection:
            recorded = self._order(connection, order.client_order_id)
            if recorded is not None:
                recorded.require_follows(order)
            write_order(connection, order, now, detail or order.reason)
            if position is not None:
                write_row(connection, "positions", POSITION_FIELDS, position)

    def note(self, client_order_id: str, now: datetime, detail: str) -> None:
        """Write an event of a recorded order that does not change it."""
        with self._transaction("order_events") as connection:
            order = self._order(connection, client_order_id)
            if order is not None:
                write_order_event(connection, order, now, detail)

    def record_position(self, position: Position, now: datetime, detail: str) -> None:
        """Write a position that changed without an order, and the reason."""
        with self._transaction("positions", "account_events") as connection:
            write_row(connection, "positions", POSITION_FIELDS, position)
            write_event(connection, now, "position", f"{position.position_id}: {detail}")

    def orders(self, *, session: date | None = None) -> list[Order]:
        """The orders of one session, or all, by session and id."""
        with self._reading() as connection:
            return [o for o in self._orders(connection) if session in (None, o.session)]

    def order(self, client_order_id: str) -> Order | None:
        """The order with that id, None if there is none."""
        with self._reading() as connection:
            return self._order(connection, client_order_id)

    def working_orders(self) -> list[Order]:
        """The orders that are in the market, or may still get there."""
        with self._reading() as connection:
            return [order for order in self._orders(connection) if order.status in WORKING]

    def unsettled_orders(self) -> list[Order]:
        """The orders whose end is not known: those that work, and those that are missing."""
        wanted = (*WORKING, "missing")
        with self._reading() as connection:
            return [order for order in self._orders(connection) if order.status in wanted]

    def positions(self, *, only_open: bool = False) -> list[Position]:
        """The positions by the day they were opened."""
        with self._reading() as connection:
            return [
                position
                for position in self._positions(connection)
                if not only_open or position.closed_on is None
            ]
