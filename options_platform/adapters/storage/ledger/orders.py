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
        """Write the order before it is sent; the recorded one if it is there already.

        Raises :class:`PlanChangedError` if another plan was recorded under its id.
        """
        with self._transaction() as connection:
            recorded = self._order(connection, order.client_order_id)
            if recorded is not None:
                # An adopted order does not say what it was planned as.
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
        """Write an order's new state and, with it, the position that it opened or closed.

        Raises :class:`LedgerError` for a state that may not follow the recorded one, such as that
        of an order which has filled since it was read.
        """
        with self._transaction() as connection:
            recorded = self._order(connection, order.client_order_id)
            if recorded is not None:
                recorded.require_follows(order)
            write_order(connection, order, now, detail or order.reason)
            if position is not None:
                write_row(connection, "positions", POSITION_FIELDS, position)

    def note(self, client_order_id: str, now: datetime, detail: str) -> None:
        """Note what happened to a recorded order, as an event that changes nothing of it."""
        with self._transaction() as connection:
            order = self._order(connection, client_order_id)
            if order is not None:
                write_order_event(connection, order, now, detail)

    def record_position(self, position: Position, now: datetime, detail: str) -> None:
        """Write a position that changed without an order, and why."""
        with self._transaction() as connection:
            write_row(connection, "positions", POSITION_FIELDS, position)
            write_event(connection, now, "position", f"{position.position_id}: {detail}")

    def orders(self, *, session: date | None = None) -> list[Order]:
        """The orders, of one session or all, in the order of their sessions."""
        with self._reading() as connection:
            return [o for o in self._orders(connection) if session in (None, o.session)]

    def order(self, client_order_id: str) -> Order | None:
        """The order of that id."""
        with self._reading() as connection:
            return self._order(connection, client_order_id)

    def working_orders(self) -> list[Order]:
        """Orders that are, or may yet be, in the market."""
        with self._reading() as connection:
            return [order for order in self._orders(connection) if order.status in WORKING]

    def unsettled_orders(self) -> list[Order]:
        """Orders whose end is not known: those that work, and those that are missing."""
        wanted = (*WORKING, "missing")
        with self._reading() as connection:
            return [order for order in self._orders(connection) if order.status in wanted]

    def positions(self, *, only_open: bool = False) -> list[Position]:
        """The positions, in the order of their opening."""
        with self._reading() as connection:
            return [
                position
                for position in self._positions(connection)
                if not only_open or position.closed_on is None
            ]
