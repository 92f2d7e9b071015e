"""Carrying out what :mod:`options_platform.domain.trading.reducer` decides of an order.

An event goes in, the order's next state is written to the ledger, its action is done, and what
came of that is the next event, until there is nothing to do. What is written comes before what is
sent: after a crash at any moment the ledger knows what to ask the broker for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import (
    Broker,
    BrokerClock,
    BrokerDoubtError,
    BrokerOrder,
    DuplicateOrderError,
    OrderRefusedError,
    exercises_contracts,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.orders import (
    CANCELLABLE,
    FINAL,
    RESTING,
    WORKING,
    Order,
    contracts_of,
)
from options_platform.domain.trading.positions import Position, after_entry_fill, after_exit_fill
from options_platform.domain.trading.reducer import (
    Action,
    Decision,
    Event,
    Happening,
    decide,
    is_older,
    with_words,
)
from options_platform.errors import LedgerError
from options_platform.services.trading.entries.pauses import entries_stopped

Step = Callable[[str], None]
Reports = Mapping[str, BrokerOrder]
MOST_WORDS = 160
MOST_APART = timedelta(days=7)
ANOTHER_ORDER = "ANOTHER_ORDER"


def no_step(step: str) -> None:
    """Do nothing between two steps."""


@dataclass(frozen=True)
class Execution:
    """The way to the broker; `at` is told each step of sending, for tests that crash there."""

    ledger: Ledger
    broker: Broker
    at: Step = no_step

    def send(self, order: Order, now: datetime) -> Order:
        """Send `order`, unless it was; the order as the ledger has it afterwards.

        It comes back as `unknown` if the broker's answer is not known, and is not sent at all
        while the broker cannot be asked for its id or once its session is over.
        """
        recorded = self.ledger.record_intent(order, now)
        self.at("intent recorded")
        return self._drive(recorded, Happening(Event.WANTED, is_wanted=True), now)

    def look(
        self,
        order: Order,
        now: datetime,
        session: date | None = None,
        reports: Reports | None = None,
    ) -> Order:
        """Ask the broker what became of an order, and write it down.

        `session` is the newest that a broker without a clock was told of; `reports` are the
        broker's lists by order id, where they were just read.
        """
        order = self.as_recorded(order)
        return self._drive(order, Happening(Event.LOOK), now, session, reports)

    def show(
        self, order: Order, report: BrokerOrder, now: datetime, session: date | None = None
    ) -> Order:
        """Write what the broker shows of an order, and the position that a fill makes or ends.

        Raises :class:`BrokerDoubtError` for an answer that cannot follow what is recorded, such as
        more fills than were ordered.
        """
        order = self.as_recorded(order)
        happening = self._shown(order, report, now, session, is_wanted=False)
        return self._drive(order, happening, now, session, is_strict=True)

    def miss(self, order: Order, now: datetime, session: date | None = None) -> Order:
        """Note that neither the broker's lists nor its look-up show an order: no evidence."""
        order = self.as_recorded(order)
        try:
            happening = Happening(
                Event.ABSENT, is_over=self._is_over_or_unread(order, now, session)
            )
        except BrokerDoubtError as doubt:
            return self._noted(order, doubt, now)
        return self._drive(order, happening, now, session)

    def cancel(self, order: Order, now: datetime) -> Order:
        """Take an order out of the market, for good; the order as it is after asking.

        It may be `cancel_pending` for a while, be in doubt, or turn out filled.
        """
        return self._drive(self.as_recorded(order), Happening(Event.UNWANTED), now)

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

    def is_over(self, order: Order, now: datetime, session: date | None = None) -> bool:
        """Whether the order's session has ended, by the broker's clock, not this machine's.

        A broker without a clock is at the close of `session`, which it was told of. Raises
        :class:`BrokerDoubtError` where the clock cannot be read, or is days off.
        """
        clock = plausible_clock(self.broker, now)
        if clock is None:
            return session is not None and order.session < session
        return clock.now >= order.expires_at

    def as_recorded(self, order: Order) -> Order:
        """The order as the ledger has it: a look at the broker may have brought more since."""
        return self.ledger.order(order.client_order_id) or order

    def _drive(
        self,
        order: Order,
        happening: Happening,
        now: datetime,
        session: date | None = None,
        reports: Reports | None = None,
        *,
        is_strict: bool = False,
    ) -> Order:
        """Decide, record and act until there is nothing to do; each action is done once."""
        wanted, done = happening.is_wanted, set[Action]()
        while True:
            try:
                after, action = self._recorded(order, happening, now, session)
            except BrokerDoubtError as doubt:
                if is_strict:
                    raise
                return self._noted(order, doubt, now)
            order = after
            if action is Action.NONE or action in done:
                return order
            done.add(action)
            if action is Action.SEND:
                happening = self._submitted(order, now, session)
                self.at("submitted")
                done.discard(Action.ASK)
                continue
            if action is Action.CANCEL:
                self._ask_to_cancel(order, now)
                reports = None
            happening = self._asked(order, now, session, reports, is_wanted=wanted)

    def _recorded(
        self, order: Order, happening: Happening, now: datetime, session: date | None
    ) -> tuple[Order, Action]:
        """The order in its next state, written down, and what to do next.

        Raises :class:`BrokerDoubtError` where the broker shows what cannot be.
        """
        recorded = order
        if (stopped := self._entries_stopped(order, happening)) is not None:
            # A halt that came while the broker was asked for the order's id.
            recorded = self.as_recorded(order)
            if recorded.is_final:
                return recorded, Action.NONE
            order, happening = replace(recorded, withdrawn=True), replace(happening, words=stopped)
        report = happening.report
        if report is not None and not is_older(order, report):
            taken = self._of_ours(order, report, now)
            if taken is None:
                return self.as_recorded(order), Action.NONE
            order = taken
        try:
            decision = decide(order, happening)
        except LedgerError as odd:
            raise BrokerDoubtError(str(odd)) from odd
        position = None
        try:
            position = self._position_after(order, decision.order, session)
        except LedgerError as odd:
            # The fill is evidence all the same; which position it is of is a difference (LOTS).
            self.ledger.note(order.client_order_id, now, f"FILL: {_words(odd)}")
        after = decision.order
        if decision.action is Action.SEND:
            after = replace(after, placed_at=after.placed_at or now)
        elif after.status == "expired" and happening.event is Event.ABSENT:
            # An exit keeps why it was one.
            after = replace(after, reason=after.reason if _keeps_why(after) else decision.why)
        if after != recorded or decision.action is Action.SEND:
            self.ledger.record(after, now, position, detail=_detail(order, decision, happening))
        if decision.action is Action.SEND:
            self.at("sending")
        elif happening.event is Event.SHOWN:
            self.at("recorded")
        return after, decision.action

    def _entries_stopped(self, order: Order, happening: Happening) -> str | None:
        """Why an entry that is about to be sent may not be, if so: the last moment to ask."""
        is_sending = happening.event is Event.ABSENT and happening.is_wanted
        return entries_stopped(self.ledger) if is_sending and order.purpose == "entry" else None

    def _submitted(self, order: Order, now: datetime, session: date | None) -> Happening:
        """Send the request, once, and say what came of it."""
        expected = self.ledger.books().contracts if order.purpose == "exit" else None
        try:
            report = self.broker.submit(order, expected)
        except DuplicateOrderError:
            return Happening(Event.TAKEN)
        except OrderRefusedError as refusal:
            return self._refused(order, refusal, now, session)
        except BrokerDoubtError as doubt:
            self._noted(order, doubt, now)
            return self._asked(order, now, session, None, is_wanted=False)
        return self._shown(order, report, now, session, is_wanted=False)

    def _refused(
        self, order: Order, refusal: OrderRefusedError, now: datetime, session: date | None
    ) -> Happening:
        """Believe a refusal once the broker shows no such order, in its lists neither."""
        try:
            report = self._found(order, None) or self._listed(order, now).get(order.client_order_id)
        except BrokerDoubtError as doubt:
            self._noted(order, doubt, now)
            return Happening(Event.SILENT)
        if report is not None:
            return self._shown(order, report, now, session, is_wanted=False)
        return Happening(Event.REFUSED, words=_words(refusal))

    def _asked(
        self,
        order: Order,
        now: datetime,
        session: date | None,
        reports: Reports | None,
        *,
        is_wanted: bool,
    ) -> Happening:
        """What the broker shows of an order; its lists are asked before it is taken for missing."""
        try:
            report = self._found(order, reports)
            if report is None:
                is_over = self._is_over_or_unread(order, now, session)
                if is_over and order.status != "intent":
                    listed = self._listed(order, now) if reports is None else reports
                    report = listed.get(order.client_order_id)
                if report is None:
                    return Happening(Event.ABSENT, is_wanted=is_wanted, is_over=is_over)
        except BrokerDoubtError as doubt:
            self._noted(order, doubt, now)
            return Happening(Event.SILENT)
        return self._shown(order, report, now, session, is_wanted=is_wanted)

    def _found(self, order: Order, reports: Reports | None) -> BrokerOrder | None:
        number = order.client_order_id
        return (reports or {}).get(number) or self.broker.find(number)

    def _listed(self, order: Order, now: datetime) -> Reports:
        """The broker's lists by id, from a day before the order was sent."""
        since = (order.placed_at or now) - timedelta(days=1)
        listed = [*self.broker.orders_since(since), *self.broker.working()]
        return {report.client_order_id: report for report in listed}

    def _shown(
        self,
        order: Order,
        report: BrokerOrder,
        now: datetime,
        session: date | None,
        *,
        is_wanted: bool,
    ) -> Happening:
        is_over = False
        if report.status in RESTING:
            with suppress(BrokerDoubtError):
                is_over = self.is_over(order, now, session)
        return Happening(Event.SHOWN, is_wanted=is_wanted, is_over=is_over, report=report)

    def _is_over_or_unread(self, order: Order, now: datetime, session: date | None) -> bool:
        """Whether the session is over; for an exit a clock that cannot be read counts as no."""
        try:
            return self.is_over(order, now, session)
        except BrokerDoubtError:
            if order.purpose == "entry":
                raise
            return False

    def _ask_to_cancel(self, order: Order, now: datetime) -> None:
        try:
            self.broker.cancel(order.client_order_id)
        except (OrderRefusedError, BrokerDoubtError) as cause:
            self.ledger.note(order.client_order_id, now, f"CANCEL: {_words(cause)}")

    def _of_ours(self, order: Order, report: BrokerOrder, now: datetime) -> Order | None:
        """The order that the report is of; None where another one has taken its id, and it ended.

        Raises :class:`BrokerDoubtError` where the two cannot be one.
        """
        if report.contracts is None or report.contracts == contracts_of(order):
            if order.status == "intent":
                # A ledger out of a backup knows less than the broker.
                order = replace(order, placed_at=order.placed_at or now)
            return order
        spreads = _spreads_of(order, report.contracts)
        if order.status == "intent" and order.purpose == "exit" and spreads is not None:
            # Its id says which position it closes, though not how much of it.
            return replace(order, contracts=spreads, placed_at=now)
        differ = BrokerDoubtError(
            f"order {order.client_order_id} trades {report.contracts} at the broker and "
            f"{contracts_of(order)} here"
        )
        if order.status not in ("intent", "unknown", "submitted") or order.seen:
            raise differ
        if order.purpose == "exit" and report.status in WORKING:
            # It would close what the next attempt closes.
            if report.status in CANCELLABLE:
                self._ask_to_cancel(order, now)
            raise differ
        # An id is taken once: what was sent under it was refused.
        ended = order.to(
            "not_sent" if order.status == "intent" else "rejected",
            reason=with_words(order, ANOTHER_ORDER),
        )
        self.ledger.record(ended, now, detail=f"{ANOTHER_ORDER}: {report.contracts}")
        return None

    def _position_after(self, before: Order, after: Order, session: date | None) -> Position | None:
        if after.filled_qty == 0 or (after.filled_qty, after.avg_price) == (
            before.filled_qty,
            before.avg_price,
        ):
            return None
        worked = shift(after.session, 1)
        if session is not None and after.purpose == "exit":
            # One that was learnt of late counts when the ledger counts it.
            worked = max(session, worked)
        own = (p for p in self.ledger.positions() if p.position_id == after.position_id)
        held = next(own, None)
        if after.purpose == "entry":
            others = [
                order
                for order in self.ledger.orders()
                if (order.purpose, order.position_id) == ("entry", after.position_id)
                and order.client_order_id != after.client_order_id
            ]
            return after_entry_fill(
                after, held, worked, fees_before_usd=before.fees_usd, others=others
            )
        if held is None:
            raise LedgerError(
                f"order {after.client_order_id} closes a position that the ledger does not know"
            )
        return after_exit_fill(before, after, held, worked)

    def _noted(self, order: Order, doubt: BrokerDoubtError, now: datetime) -> Order:
        self.ledger.note(order.client_order_id, now, f"DOUBT: {_words(doubt)}")
        return order


def plausible_clock(broker: Broker, now: datetime) -> BrokerClock | None:
    """The broker's clock; BrokerDoubtError where it and this machine's are days apart."""
    clock = broker.clock()
    if clock is not None and abs(clock.now - now) > MOST_APART:
        raise BrokerDoubtError(
            f"the clock of {broker.name} says {clock.now:%Y-%m-%d %H:%M} and this machine's "
            f"{now:%Y-%m-%d %H:%M}; nothing is concluded from either"
        )
    return clock


def _detail(before: Order, decision: Decision, happening: Happening) -> str | None:
    """What the event of the ledger says of a step."""
    if happening.event is not Event.SHOWN:
        return decision.why
    concluded = before.status in (*FINAL, "missing") and before.status != decision.order.status
    if concluded:
        return f"CORRECTED: was {before.status}"
    return "FOUND" if before.status == "intent" else decision.order.reason


def _keeps_why(order: Order) -> bool:
    return order.purpose == "exit" and order.reason is not None


def _spreads_of(order: Order, contracts: Mapping[str, int]) -> int | None:
    """How many spreads of the order's legs trade those contracts; None if they are others."""
    one = contracts_of(replace(order, contracts=1))
    spreads = max((abs(contracts.get(symbol, 0) // ratio) for symbol, ratio in one.items()))
    return spreads if contracts_of(replace(order, contracts=spreads)) == contracts else None


def _words(cause: Exception) -> str:
    return str(cause).splitlines()[0][:MOST_WORDS]
