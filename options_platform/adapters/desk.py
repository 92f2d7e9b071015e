"""Working orders through a session: reprice step by step, cancel, and close everything on demand.

Each step reads the ledger, so that one that was interrupted is simply done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.brokers.port import BrokerDoubtError, WorksAtClose
from options_platform.adapters.paper_trading import PaperTrading
from options_platform.domain.fills import MarketClose
from options_platform.domain.orders import (
    CANCELLABLE,
    Order,
    Purpose,
    client_order_id,
    exit_order_id,
)
from options_platform.domain.repricing import deciding_session, with_next_attempt

REPRICE = "REPRICE"
PURPOSES: tuple[Purpose, ...] = ("entry", "exit")


@dataclass(frozen=True)
class Desk:
    """Works the orders of one account."""

    service: PaperTrading

    def advance(self, now: datetime) -> list[Order]:
        """One step for each order: take over, cancel one whose rung is over, send the next.

        Returns the orders that still work. The last rung stands until its order expires; an entry
        that is partly filled is not sent again, of an exit what is left is.
        """
        with self.service.ledger.trading():
            return self.step(now, PURPOSES)

    def step(self, now: datetime, purposes: Sequence[Purpose]) -> list[Order]:
        """As :meth:`advance`, for orders of these purposes, by who trades by the ledger already."""
        execution = self.service.execution
        for order in self._working(purposes):
            try:
                found = execution.resolve(order, now)
            except BrokerDoubtError:
                continue
            if found.status in ("intent", "unknown"):
                self.service.send_if_allowed(found, now)
            elif self._rung_is_over(found, now):
                self._cancel_to_reprice(found, now)
        for order in self._to_send_again(now):
            if order.purpose in purposes:
                self._send_next(order, now)
        return self._working(purposes)

    def _working(self, purposes: Sequence[Purpose]) -> list[Order]:
        return [o for o in self.service.ledger.working_orders() if o.purpose in purposes]

    def halt(self, now: datetime, reason: str) -> list[Order]:
        """Refuse new entries and cancel those that work; the entries that still may fill."""
        ledger = self.service.ledger
        # First of all, and without a broker: whatever else happens, nothing new is sent.
        ledger.halt(reason, now)
        with ledger.trading():
            return self.cancel_entries(now)

    def cancel_entries(self, now: datetime) -> list[Order]:
        """Cancel the entries that work; those that still may fill."""
        after = [self.service.execution.cancel(o, now) for o in self._working(("entry",))]
        return [order for order in after if not order.is_final]

    def flatten(
        self, now: datetime, closes: Mapping[str, MarketClose], reason: str = "FLATTEN"
    ) -> list[str]:
        """Halt, cancel what works, then close every position; sentences on what could not be.

        `closes` are the newest known; a position without one is priced at its last mark.
        """
        told = []
        with self.service.ledger.trading():
            ledger, execution = self.service.ledger, self.service.execution
            ledger.halt(reason, now)
            for order in ledger.working_orders():
                after = execution.cancel(order, now)
                if not after.is_final:
                    told.append(f"{order.client_order_id} is {after.status}: not canceled yet")
            self.service.reconciler.run(now)
            leaving = {o.position_id for o in ledger.working_orders() if o.purpose == "exit"}
            for position in ledger.positions(only_open=True):
                if position.position_id in leaving:
                    continue
                session, close = self._session(now), closes.get(position.ticker)
                price = None if close is None else self.service.at_close(session, close)
                sent = self.service.close_position(
                    position, session, reason, price, now, at_floor=True
                )
                if sent is not None and sent.status in ("unknown", "rejected", "expired"):
                    told.append(f"{sent.client_order_id} is {sent.status}: {sent.reason}")
            self.service.reconciler.run(now)
        return told

    def _session(self, now: datetime) -> date:
        """The session that an order is decided in now; a simulated market waits at its last."""
        last = self.service.ledger.last_marked()
        if isinstance(self.service.broker, WorksAtClose) and last is not None:
            return last
        return deciding_session(now)

    def _rung_is_over(self, order: Order, now: datetime) -> bool:
        rules = self.service.settings.ladder
        if order.status not in CANCELLABLE or order.placed_at is None:
            return False
        stood = now - order.placed_at >= timedelta(seconds=rules.rung_seconds)
        return stood and self._next_price(order) is not None and self._trades_now()

    def _trades_now(self) -> bool:
        try:
            clock = self.service.broker.clock()
        except BrokerDoubtError:
            return False
        return clock is not None and clock.is_open

    def _cancel_to_reprice(self, order: Order, now: datetime) -> None:
        marked = replace(order, reason=REPRICE) if order.purpose == "entry" else order
        self.service.ledger.record(marked, now, detail=REPRICE)
        self.service.execution.at("to be canceled")
        self.service.execution.cancel(marked, now)
        self.service.execution.at("canceled")

    def _to_send_again(self, now: datetime) -> list[Order]:
        """Of each purpose the last attempt, if it was canceled with something left to do."""
        last: dict[tuple[str, str], Order] = {}
        for order in self.service.ledger.orders(session=self._session(now)):
            key = (order.purpose, order.position_id)
            if key not in last or order.attempt > last[key].attempt:
                last[key] = order
        still_open = {p.position_id for p in self.service.ledger.positions(only_open=True)}
        return [
            order
            for order in last.values()
            if order.status == "canceled"
            and (
                (order.reason == REPRICE and order.filled_qty == 0)
                if order.purpose == "entry"
                else order.remaining > 0 and order.position_id in still_open
            )
        ]

    def _send_next(self, order: Order, now: datetime) -> None:
        price = self._next_price(order)
        attempt = order.attempt + 1
        if order.purpose == "entry":
            account = self.service.settings.account
            number = client_order_id(account, order.session, order.ticker, "entry", attempt)
        else:
            number = exit_order_id(order.position_id, order.session, attempt)
            # A floor was reached before: what is left of an exit stays there.
            price = order.limit_price if price is None else price
        if price is None:
            return
        following = with_next_attempt(order, number, price)
        if order.purpose == "entry":
            following = replace(following, reason=None)
        self.service.send_if_allowed(following, now)

    def _next_price(self, order: Order) -> float | None:
        first = min(
            (
                o
                for o in self.service.ledger.orders(session=order.session)
                if (o.purpose, o.position_id) == (order.purpose, order.position_id)
            ),
            key=lambda o: o.attempt,
        )
        if first.limit_price is None:
            return None
        prices = self.service.settings.ladder.prices(order.purpose, first.limit_price)
        return prices[order.attempt] if order.attempt < len(prices) else None
