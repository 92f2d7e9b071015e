"""Working orders through a session: reprice step by step, and cancel.

Each step reads the ledger, so that one that was interrupted is simply done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import BrokerDoubtError, WorksAtClose
from options_platform.domain.trading.exits import STOPS
from options_platform.domain.trading.orders import (
    CANCELLABLE,
    Order,
    Purpose,
    client_order_id,
    exit_order_id,
)
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reducer import Event
from options_platform.domain.trading.repricing import (
    REPRICE,
    deciding_session,
    next_price,
    price_after_floor,
    price_within,
    with_next_attempt,
)
from options_platform.errors import LedgerError
from options_platform.services.trading.broker_time import plausible_clock
from options_platform.services.trading.closing.reasons import FLATTEN
from options_platform.services.trading.entries.pauses import entries_stopped
from options_platform.services.trading.prices.live_quotes import (
    PresentMarket,
    Pricing,
    present_market,
)
from options_platform.services.trading.session import TradingSession

OVERTAKEN = "OVERTAKEN"
TO_CLOSE_ON = ("canceled", "filled", "not_sent")
"""States of an exit after which what is left of its position is closed."""
PURPOSES: tuple[Purpose, ...] = ("entry", "exit")


def session_to_decide(service: TradingSession, now: datetime) -> date:
    """The session that an order is decided in now; a simulated market waits at its last.

    By the broker's clock where it can be asked: this machine's may be off.
    """
    last = service.ledger.last_marked()
    if isinstance(service.broker, WorksAtClose) and last is not None:
        return last
    try:
        clock = plausible_clock(service.broker, now)
    except BrokerDoubtError:
        clock = None
    return deciding_session(now if clock is None else clock.now)


@dataclass(frozen=True)
class OrderWorker:
    """Works the orders of one account."""

    service: TradingSession

    def advance(self, now: datetime) -> list[Order]:
        """One step for each order: take over, cancel one whose rung is over, send the next.

        Returns the orders that still work, and, while the broker cannot be asked, those that ended
        and wait to be sent again.
        The last rung stands until its order expires; an entry that is partly filled is not sent
        again, of an exit what is left is.
        """
        with self.service.trading():
            return self.step(now, PURPOSES)

    def step(
        self, now: datetime, purposes: Sequence[Purpose], *, follows_market: bool = True
    ) -> list[Order]:
        """As :meth:`advance`, for orders of these purposes, by who trades by the ledger already.

        With `follows_market` what a person wants closed is priced anew where the market has left
        it behind.
        """
        execution, closing = self.service.execution, self.service.closing
        left: list[Order] = []
        try:
            self.service.reconciler.take_over(now)
        except BrokerDoubtError:
            # Exits go on by what their own look-ups tell; all else waits for the lists.
            all_left = [*self._working(purposes), *self._to_send_again(now)]
            purposes = ("exit",) if self._are_looked_up(all_left) else ()
            left = [order for order in all_left if order.purpose not in purposes]
            for order in self._working(purposes):
                execution.carry_out(order, Event.LOOK, now)
        for order in self._working(purposes):
            if order.status in ("intent", "unknown") and order.purpose == "exit":
                closing.send_again(order, now)
            elif order.status in ("intent", "unknown"):
                self.service.entries.send(order, now)
            elif (
                self._rung_is_over(order, now)
                or self._closes_what_is_gone(order)
                or (follows_market and self._was_left_behind(order))
            ):
                self._cancel_to_reprice(order, now)
        self.send_again(now, purposes)
        if "entry" in purposes and entries_stopped(self.service.ledger) is not None:
            # One whose request was on its way may have arrived since.
            self.service.entries.cancel_all(now)
        for order in self._working(purposes):
            if order.withdrawn and order.status in CANCELLABLE:
                execution.carry_out(order, Event.UNWANTED, now)
        return [*left, *self._working(purposes)]

    def _are_looked_up(self, orders: Sequence[Order]) -> bool:
        """Whether the broker answers for each exit of `orders` by its id."""
        exits = [order for order in orders if order.purpose == "exit"]
        try:
            for order in exits:
                self.service.broker.find(order.client_order_id)
        except BrokerDoubtError:
            return False
        return bool(exits)

    def send_again(self, now: datetime, purposes: Sequence[Purpose]) -> None:
        """Send the next attempt of what ended with something left to do."""
        for order in self._to_send_again(now):
            if order.purpose not in purposes:
                continue
            if order.purpose == "entry" or self.service.closing.closes_what_is_left(order):
                self._send_next(order, now)
            else:
                self._close_rest(order, now)

    def is_beyond(self, order: Order, fair_price: float) -> bool:
        """Whether an exit stands on its last rung where a market at `fair_price` cannot meet it."""
        rules = self.service.settings.ladder
        return (
            order.status in CANCELLABLE
            and self._next_price(order) is None
            and price_after_floor(order, fair_price, rules) is not None
        )

    def overtake(self, order: Order, reason: str, now: datetime) -> None:
        """Cancel an exit because of a stop; once that is final it is sent again, priced anew."""
        self._cancel(replace(order, reason=reason), now, OVERTAKEN)

    def refused(self, now: datetime) -> list[Order]:
        """Exits that the broker rejected and whose positions nothing closes now."""
        held = self._still_open()
        return [
            order
            for order in self._last_attempts(now)
            if order.purpose == "exit" and order.status == "rejected" and order.position_id in held
        ]

    def _working(self, purposes: Sequence[Purpose]) -> list[Order]:
        return [o for o in self.service.ledger.working_orders() if o.purpose in purposes]

    def halt(self, now: datetime, reason: str) -> list[Order]:
        """Refuse new entries and cancel those that work; the entries that still may fill."""
        ledger = self.service.ledger
        # First of all, and without a broker: whatever else happens, nothing new is sent.
        ledger.halt(reason, now)
        try:
            with self.service.trading():
                with suppress(BrokerDoubtError):
                    self.service.reconciler.take_over(now)
                return self.service.entries.cancel_all(now)
        except LedgerError as error:
            raise LedgerError(
                f"new entries are halted from now on, and those that work not canceled yet: {error}"
            ) from error

    def _rung_is_over(self, order: Order, now: datetime) -> bool:
        rules = self.service.settings.ladder
        if order.status not in CANCELLABLE or order.placed_at is None:
            return False
        if order.purpose == "entry" and order.withdrawn:
            # What was to leave the market for good is not priced anew.
            return False
        rung = timedelta(seconds=rules.rung_seconds)
        if now - order.placed_at < rung or self._next_price(order) is None:
            return False
        return self._has_traded(order, rung)

    def _closes_what_is_gone(self, order: Order) -> bool:
        """Whether a resting exit is no longer what is to be closed of its position."""
        return (
            order.purpose == "exit"
            and order.status in CANCELLABLE
            and not self.service.closing.closes_what_is_left(order)
        )

    def _was_left_behind(self, order: Order) -> bool:
        """Whether what a person wants closed stands where the market has left it behind."""
        if not _is_of_flatten(order) or order.status not in CANCELLABLE:
            return False
        known = self._market(order).offers(order.ticker, order.legs)
        return known is not None and self.is_beyond(order, known.first)

    def _has_traded(self, order: Order, rung: timedelta) -> bool:
        """Whether the market trades, and has for a rung: before it no order stood there."""
        try:
            clock = self.service.broker.clock()
        except BrokerDoubtError:
            return False
        return clock is not None and clock.is_open and clock.now - order.works_from >= rung

    def _cancel_to_reprice(self, order: Order, now: datetime) -> None:
        marked = replace(order, reason=REPRICE) if order.purpose == "entry" else order
        self._cancel(marked, now, REPRICE)

    def _cancel(self, marked: Order, now: datetime, detail: str) -> None:
        execution = self.service.execution
        known = execution.as_recorded(marked)
        if known.status not in CANCELLABLE:
            # It ended while the broker was asked about something else.
            return
        self.service.ledger.record(replace(known, reason=marked.reason), now, detail=detail)
        execution.at("to be canceled")
        execution.carry_out(known, Event.UNWANTED, now)
        execution.at("canceled")

    def _to_send_again(self, now: datetime) -> list[Order]:
        """Of each purpose the last attempt, if it ended with something left to do.

        An exit that has filled leaves something where its position had lost a leg, and one whose
        legs are no longer what is left is not sent again, but what is left is closed. After one
        that was refused only what was not refused before.
        """
        still_open = self._still_open()
        return [
            order
            for order in self._last_attempts(now)
            if (
                order.status == "canceled" and order.reason == REPRICE and order.filled_qty == 0
                if order.purpose == "entry"
                else order.position_id in still_open
                and (order.status in TO_CLOSE_ON or self._leaves_a_way(order))
            )
        ]

    def _leaves_a_way(self, order: Order) -> bool:
        """Whether the broker refused an exit, and not all that may be closed instead."""
        return order.status == "rejected" and self.service.closing.has_a_way(order)

    def _last_attempts(self, now: datetime) -> list[Order]:
        """The newest order of the session of each purpose and position."""
        last: dict[tuple[str, str], Order] = {}
        session = session_to_decide(self.service, now)
        for order in self.service.ledger.orders(session=session):
            key = (order.purpose, order.position_id)
            if key not in last or order.attempt > last[key].attempt:
                last[key] = order
        return list(last.values())

    def _still_open(self) -> set[str]:
        return {p.position_id for p in self.service.ledger.positions(only_open=True)}

    def _send_next(self, order: Order, now: datetime) -> None:
        price = self._next_price(order)
        attempt = order.attempt + 1
        if order.purpose == "entry":
            account = self.service.settings.account
            number = client_order_id(account, order.session, order.ticker, "entry", attempt)
        else:
            number = exit_order_id(order.position_id, order.session, attempt)
            # A floor was reached before: what is left of an exit stays there, but for a stop.
            price = self._stop_price(order) if price is None else price
            price = order.limit_price if price is None else price
        if price is None:
            return
        following = with_next_attempt(order, number, price)
        if order.purpose == "entry":
            self.service.entries.send(replace(following, reason=None), now)
        else:
            self.service.execution.carry_out(following, Event.WANTED, now)

    def _stop_price(self, order: Order) -> float | None:
        """Where a stop begins anew whose floor the market has left behind; None for others."""
        if order.reason not in STOPS and not _is_of_flatten(order):
            return None
        fair = self._market(order).fair(order.ticker, order.legs)
        rules = self.service.settings.ladder
        return None if fair is None else price_after_floor(order, fair, rules)

    def _market(self, of: Order | Position) -> PresentMarket:
        service = self.service
        return present_market(
            service.broker, service.settings, service.closes, [of], service.ledger
        )

    def _close_rest(self, order: Order, now: datetime) -> None:
        """Close what is left of a position where an exit's legs are not, or no longer, that."""
        for position in self.service.ledger.positions(only_open=True):
            if position.position_id == order.position_id:
                # Without what the broker said of the one before.
                reason = (order.reason or "EXIT").partition(":")[0]
                price = self._price_of(position)
                self.service.closing.close_position(position, order.session, reason, price, now)

    def _price_of(self, position: Position) -> Pricing:
        """What closing costs by the broker's quotes of now, else by the newest close."""
        known = self.service.closes.get(position.ticker)
        at_close = None
        if known is not None:
            at_close = self.service.closing.at_close(known.session, known.close)
        return self._market(position).at_once(position.ticker, at_close)

    def _next_price(self, order: Order) -> float | None:
        orders = self.service.ledger.orders(session=order.session)
        price = next_price(order, orders, self.service.settings.ladder)
        if price is None or order.purpose == "entry":
            return price
        known = self._market(order).offers(order.ticker, order.legs)
        return price if known is None else price_within(order, price, known.worst)


def _is_of_flatten(order: Order) -> bool:
    return order.purpose == "exit" and (order.reason or "").partition(":")[0] == FLATTEN
