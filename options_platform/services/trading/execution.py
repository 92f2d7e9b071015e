"""Carrying out what :mod:`options_platform.domain.trading.reducer` decides of an order.

An event goes in; the order's next state is written to the ledger, its action is done, and what the
broker answers is the next event, until there is nothing left to do. What is written comes before
what is sent: after a crash at any moment the ledger knows what to ask the broker for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import (
    Broker,
    BrokerDoubtError,
    BrokerOrder,
    DuplicateOrderError,
    OppositeOrderError,
    OrderRefusedError,
    exercises_contracts,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.netting import OPPOSITE_ORDER
from options_platform.domain.trading.orders import (
    CANCELLABLE,
    RESTING,
    WORKING,
    Order,
    contracts_of,
)
from options_platform.domain.trading.position_fills import after_fill
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reducer import (
    Action,
    Event,
    Happening,
    decide,
    is_older,
    with_words,
)
from options_platform.domain.trading.report_matching import matched
from options_platform.errors import LedgerError
from options_platform.services.trading.broker_time import session_is_over
from options_platform.services.trading.pauses import entries_stopped

Step = Callable[[str], None]
MOST_WORDS = 160
CANCEL_AGAIN = timedelta(minutes=2)
"""For how long an answered cancel of an order in the same state is not asked for again.

A halt or a flatten asks at once, see :meth:`Execution.cancel_afresh`.
"""
ANOTHER_ORDER = "ANOTHER_ORDER"


def no_step(step: str) -> None:
    """Do nothing between two steps."""


@dataclass(frozen=True)
class Execution:
    """Carries out the orders of one account at its broker.

    `at` is called at each step of sending, for tests that crash there.
    """

    ledger: Ledger
    broker: Broker
    at: Step = no_step
    cancels: dict[str, tuple[datetime, str, int]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """By order id when the broker last answered its cancel, and the order's state then."""

    def carry_out(
        self,
        order: Order,
        event: Event,
        now: datetime,
        session: date | None = None,
        report: BrokerOrder | None = None,
    ) -> Order:
        """Do all that follows from an event; the order as the ledger has it afterwards.

        `WANTED` records a new order and sends it, unless it was sent; `LOOK` asks the broker what
        became of one; `UNWANTED` takes it out of the market for good; `SHOWN`, with the `report`,
        and `ABSENT` are what the broker's lists say. `session` is for a broker without a clock: the
        newest that it has worked. While the broker gives no clear answer the order stays as it is,
        with a note (DOUBT). Raises :class:`BrokerDoubtError` for a `SHOWN` report that cannot
        follow what is recorded, such as more fills than were ordered.
        """
        if event is Event.WANTED:
            order = self.ledger.record_intent(order, now)
            self.at("intent recorded")
        order, done = self.as_recorded(order), set[Action]()
        try:
            happening = self._happening(event, order, now, session, report)
            while True:
                judged, happening = self._judged(order, happening, now)
                recorded = self.as_recorded(order)
                if judged is None:
                    return recorded
                decision, position = decide(judged, happening), None
                order, action = decision.order, decision.action
                if decision.is_fill:
                    try:
                        position = after_fill(judged, order, *self._beside(order, session))
                    except LedgerError as odd:
                        # The fill is recorded all the same; LOTS reports that no position has it.
                        self.ledger.note(order.client_order_id, now, f"FILL: {_words(odd)}")
                if order != recorded or action is Action.SEND:
                    self.ledger.record(order, now, position, detail=decision.detail)
                self._at_step(happening, action)
                if action is Action.NONE or action in done:
                    return order
                done.add(action)
                is_wanted = event is Event.WANTED
                happening = self._answer_to(action, order, now, session, is_wanted=is_wanted)
                if action is Action.SEND:
                    self.at("submitted")
                    done.discard(Action.ASK)
        except BrokerDoubtError as doubt:
            if event is Event.SHOWN:
                raise
            return self._noted(order, doubt, now)

    def exercise(self, order: Order, now: datetime) -> Order:
        """Request the exercise of the bought contract of an order of that purpose, once."""
        recorded = self.ledger.record_intent(order, now)
        self.at("intent recorded")
        if recorded.status != "intent" or not exercises_contracts(self.broker):
            return recorded
        sending = recorded.to("unknown", placed_at=now)
        self.ledger.record(sending, now, detail="SENDING")
        self.at("sending")
        try:
            self.broker.exercise(order.legs[0].symbol(order.ticker))
            after = sending.to("submitted")
        except OrderRefusedError as refusal:
            after = sending.to("rejected", reason=with_words(order, _words(refusal)))
        except BrokerDoubtError as doubt:
            return self._noted(sending, doubt, now)
        self.ledger.record(after, now)
        return after

    def cancel_afresh(self) -> None:
        """Ask again for each cancel that is wanted from now on, also for one just answered."""
        self.cancels.clear()

    def as_recorded(self, order: Order) -> Order:
        """The order as the ledger has it by now; `order` itself if it is not recorded."""
        return self.ledger.order(order.client_order_id) or order

    def _happening(
        self,
        event: Event,
        order: Order,
        now: datetime,
        session: date | None,
        report: BrokerOrder | None,
    ) -> Happening:
        if report is not None:
            return self._shown(order, report, now, session)
        is_over = event is Event.ABSENT and self._is_over(order, now, session)
        return Happening(event, now, is_wanted=event is Event.WANTED, is_over=is_over)

    def _judged(
        self, order: Order, happening: Happening, now: datetime
    ) -> tuple[Order | None, Happening]:
        """The order and the happening that the reducer judges; no order where it has ended.

        Raises :class:`BrokerDoubtError` for a report that cannot be true.
        """
        is_sent_next = happening.event is Event.ABSENT and happening.is_wanted
        if is_sent_next and order.purpose == "entry":
            # The last moment before it is sent: a halt may have come during the look-up.
            stopped = entries_stopped(self.ledger)
            if stopped is not None:
                recorded = self.as_recorded(order)
                withdrawn = None if recorded.is_final else replace(recorded, withdrawn=True)
                return withdrawn, replace(happening, words=stopped)
        report = happening.report
        if report is None or is_older(order, report):
            return order, happening
        try:
            judged = matched(order, report, now)
        except LedgerError as odd:
            raise BrokerDoubtError(str(odd)) from odd
        if judged is None:
            self._end_replaced(order, report, now)
        return judged, happening

    def _end_replaced(self, order: Order, report: BrokerOrder, now: datetime) -> None:
        """End an order whose id another one has at the broker: the id was taken when it was sent.

        Raises :class:`BrokerDoubtError` where the order itself may have been accepted.
        """
        differ = BrokerDoubtError(
            f"order {order.client_order_id} trades {report.contracts} at the broker and "
            f"{contracts_of(order)} here"
        )
        if order.status not in ("intent", "unknown", "submitted") or order.seen:
            raise differ
        if order.purpose == "exit" and report.status in WORKING:
            # It would close what the next attempt closes too.
            if report.status in CANCELLABLE:
                self._ask_to_cancel(order, now)
            raise differ
        ended = order.to(
            "not_sent" if order.status == "intent" else "rejected",
            reason=with_words(order, ANOTHER_ORDER),
        )
        self.ledger.record(ended, now, detail=f"{ANOTHER_ORDER}: {report.contracts}")

    def _beside(
        self, order: Order, session: date | None
    ) -> tuple[Position | None, date, list[Order]]:
        """What a fill is added to: the position, the session that it counts in, other attempts."""
        worked = shift(order.session, 1)
        if session is not None and order.purpose == "exit":
            # A fill that is reported late counts in the session that records it.
            worked = max(session, worked)
        positions = (p for p in self.ledger.positions() if p.position_id == order.position_id)
        attempts = [
            other
            for other in self.ledger.orders()
            if (other.purpose, other.position_id) == (order.purpose, order.position_id)
            and other.client_order_id != order.client_order_id
        ]
        return next(positions, None), worked, attempts

    def _at_step(self, happening: Happening, action: Action) -> None:
        if action is Action.SEND:
            self.at("sending")
        elif happening.event is Event.SHOWN:
            self.at("recorded")

    def _answer_to(
        self,
        action: Action,
        order: Order,
        now: datetime,
        session: date | None,
        *,
        is_wanted: bool,
    ) -> Happening:
        """Do what was decided, and say what the broker shows of the order afterwards.

        A refusal is believed only if neither the look-up nor the lists show the order. The lists
        are also read before an order whose session is over is taken for missing.
        """
        refusal: str | None = None
        if action is Action.SEND:
            is_wanted = False
            expected = self.ledger.statement().contracts if order.purpose == "exit" else None
            try:
                return self._shown(order, self.broker.submit(order, expected), now, session)
            except DuplicateOrderError:
                return Happening(Event.TAKEN, now)
            except OrderRefusedError as refused:
                refusal = _words(refused)
                if isinstance(refused, OppositeOrderError):
                    refusal = f"{OPPOSITE_ORDER}: {refusal}"
            except BrokerDoubtError as doubt:
                self._noted(order, doubt, now)
        elif action is Action.CANCEL:
            self._ask_to_cancel(order, now)
        try:
            report = self.broker.find(order.client_order_id)
            if report is not None:
                return self._shown(order, report, now, session, is_wanted=is_wanted)
            absent = Happening(Event.REFUSED, now, words=refusal)
            if refusal is None:
                is_over = self._is_over(order, now, session)
                absent = Happening(Event.ABSENT, now, is_wanted=is_wanted, is_over=is_over)
            is_listed = refusal is not None or (absent.is_over and order.status != "intent")
            report = self._listed(order, now) if is_listed else None
        except BrokerDoubtError as doubt:
            self._noted(order, doubt, now)
            return Happening(Event.SILENT, now)
        if report is None:
            return absent
        return self._shown(order, report, now, session, is_wanted=is_wanted)

    def _listed(self, order: Order, now: datetime) -> BrokerOrder | None:
        """The order in the broker's lists, which begin a day before it was sent."""
        since = (order.placed_at or now) - timedelta(days=1)
        listed = [*self.broker.orders_since(since), *self.broker.working()]
        return {report.client_order_id: report for report in listed}.get(order.client_order_id)

    def _shown(
        self,
        order: Order,
        report: BrokerOrder,
        now: datetime,
        session: date | None,
        *,
        is_wanted: bool = False,
    ) -> Happening:
        is_over = False
        if report.status in RESTING:
            with suppress(BrokerDoubtError):
                is_over = session_is_over(self.broker, order, now, session)
        return Happening(Event.SHOWN, now, is_wanted=is_wanted, is_over=is_over, report=report)

    def _is_over(self, order: Order, now: datetime, session: date | None) -> bool:
        """Whether the session is over; for an exit, no where the clock cannot be read."""
        try:
            return session_is_over(self.broker, order, now, session)
        except BrokerDoubtError:
            if order.purpose == "entry":
                raise
            return False

    def _ask_to_cancel(self, order: Order, now: datetime) -> None:
        earlier = self.cancels.get(order.client_order_id)
        state = (order.status, order.filled_qty)
        if earlier is not None and earlier[1:] == state and _is_recent(earlier[0], now):
            return
        try:
            self.broker.cancel(order.client_order_id)
            self.cancels[order.client_order_id] = (now, *state)
        except OrderRefusedError as refused:
            self.cancels[order.client_order_id] = (now, *state)
            self.ledger.note(order.client_order_id, now, f"CANCEL: {_words(refused)}")
        except BrokerDoubtError as cause:
            self.ledger.note(order.client_order_id, now, f"CANCEL: {_words(cause)}")

    def _noted(self, order: Order, doubt: BrokerDoubtError, now: datetime) -> Order:
        self.ledger.note(order.client_order_id, now, f"DOUBT: {_words(doubt)}")
        return order


def _is_recent(asked: datetime, now: datetime) -> bool:
    """Whether a cancel was asked for just now; a clock that was set back does not tell."""
    return timedelta(0) <= now - asked < CANCEL_AGAIN


def _words(cause: Exception) -> str:
    return str(cause).splitlines()[0][:MOST_WORDS]
