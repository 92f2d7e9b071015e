"""Sending an order so that it is never lost and never sent twice.

1. The order is written to the ledger as an intent.
2. Its id is looked up at the broker: an earlier run may have sent it.
3. It is written as `unknown`, and its request leaves, once.
4. The answer is written down.

Whatever a crash, a time-out, a broken connection or a server's error hits, the order stays
`unknown` until the broker was asked; sending it again goes through the same steps under the same
id, which a broker takes once. A new id exists only after an order that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime

from options_platform.adapters.brokers.port import (
    Broker,
    BrokerDoubtError,
    BrokerOrder,
    DuplicateOrderError,
    OrderRefusedError,
)
from options_platform.adapters.ledger import Ledger
from options_platform.domain.calendar import shift
from options_platform.domain.orders import CANCELLABLE, WORKING, Order, contracts_of
from options_platform.domain.positions import Position, after_entry_fill, after_exit_fill
from options_platform.errors import LedgerError

Step = Callable[[str], None]
MOST_WORDS = 160
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
        if recorded.status not in ("intent", "unknown"):
            return recorded
        try:
            found = self.broker.find(recorded.client_order_id)
        except BrokerDoubtError as doubt:
            return self._noted(recorded, doubt, now)
        if found is not None:
            return self._taken_over(recorded, found, now)
        try:
            if self.is_over(recorded, is_doubt_allowed=recorded.purpose == "exit"):
                return self._expired(recorded, now)
        except BrokerDoubtError as doubt:
            return self._noted(recorded, doubt, now)
        sending = recorded.to("unknown", placed_at=recorded.placed_at or now)
        self.ledger.record(sending, now, detail="SENDING")
        self.at("sending")
        return self._submitted(sending, now)

    def _submitted(self, order: Order, now: datetime) -> Order:
        try:
            found: BrokerOrder | None = self.broker.submit(order)
        except DuplicateOrderError:
            found = self._asked_again(order)
        except OrderRefusedError as refusal:
            return self._refused(order, refusal, now)
        except BrokerDoubtError as doubt:
            self._noted(order, doubt, now)
            found = self._asked_again(order)
        self.at("submitted")
        return order if found is None else self._taken_over(order, found, now)

    def _refused(self, order: Order, refusal: OrderRefusedError, now: datetime) -> Order:
        """Believe a refusal once the broker has no such order: who said it may stand between."""
        try:
            found = self.broker.find(order.client_order_id)
        except BrokerDoubtError as doubt:
            return self._noted(order, doubt, now)
        if found is not None:
            return self._taken_over(order, found, now)
        refused = order.to("rejected", reason=_with_words(order, _words(refusal)))
        self.ledger.record(refused, now)
        return refused

    def _asked_again(self, order: Order) -> BrokerOrder | None:
        try:
            return self.broker.find(order.client_order_id)
        except BrokerDoubtError:
            return None

    def resolve(self, order: Order, now: datetime, session: date | None = None) -> Order:
        """Ask the broker what became of a working order, and write it down.

        `session` is the one in which it worked (default: the one after it was decided).
        """
        found = self.broker.find(order.client_order_id)
        if found is not None:
            return self.take_over(order, found, now, session)
        return self.expire_if_over(order, now, session)

    def expire_if_over(self, order: Order, now: datetime, session: date | None = None) -> Order:
        """Let an order expire that the broker does not have and whose session is over."""
        order = self.as_recorded(order)
        if order.is_final or not self.is_over(order, session):
            return order
        return self._expired(order, now)

    def take_over(
        self, order: Order, found: BrokerOrder, now: datetime, session: date | None = None
    ) -> Order:
        """Write what the broker says of an order, and the position that a fill makes or ends.

        Raises :class:`BrokerDoubtError` for an answer that cannot follow what is known, such as
        fewer fills than before.
        """
        order = self.as_recorded(order)
        if found.contracts is not None and found.contracts != contracts_of(order):
            spreads = _spreads_of(order, found.contracts)
            if order.status != "intent" or order.purpose != "exit" or spreads is None:
                return self._not_ours(order, found, now)
            # Its id says which position it closes, though not how much of it.
            order = replace(order, contracts=spreads)
        if order.status == "intent":
            # A ledger out of a backup knows less than the broker.
            order = order.to("unknown", placed_at=now)
            self.ledger.record(order, now, detail="FOUND")
        worked = shift(order.session, 1)
        if session is not None:
            # A day that nobody looked at in between is not the one of the fill.
            worked = max(session, worked)
        held = self._held(order) if found.filled_qty else None
        try:
            after = order.to(
                found.status,
                filled_qty=found.filled_qty,
                avg_price=found.avg_price,
                fees_usd=found.fees_usd,
                reason=_with_words(order, found.reason),
            )
            position = _position_after(order, after, held, worked)
        except LedgerError as odd:
            raise BrokerDoubtError(str(odd)) from odd
        if after != order:
            self.ledger.record(after, now, position)
        return after

    def _not_ours(self, order: Order, found: BrokerOrder, now: datetime) -> Order:
        """Leave another order under the id of one that was never sent alone; no other can be.

        An exit's id says which position it closes: one that works there is canceled first, for it
        would close what the next attempt closes.
        """
        differ = BrokerDoubtError(
            f"order {order.client_order_id} trades {found.contracts} at the broker and "
            f"{contracts_of(order)} here"
        )
        if order.status not in ("intent", "unknown"):
            raise differ
        if order.purpose == "exit" and found.status in WORKING:
            if found.status in CANCELLABLE:
                with suppress(OrderRefusedError):
                    self.broker.cancel(order.client_order_id)
            raise differ
        # An id is taken once: what was sent under it was refused.
        ended = "not_sent" if order.status == "intent" else "rejected"
        left = order.to(ended, reason=_with_words(order, ANOTHER_ORDER))
        self.ledger.record(left, now, detail=f"{ANOTHER_ORDER}: {found.contracts}")
        return left

    def cancel(self, order: Order, now: datetime) -> Order:
        """Ask for the cancel of a working order; the order as it is after asking what came of it.

        It may be `cancel_pending` for a while, or turn out filled.
        """
        order = self.as_recorded(order)
        if order.status == "unknown":
            # It may be there by now.
            with suppress(BrokerDoubtError):
                order = self.resolve(order, now)
        if order.status in CANCELLABLE:
            try:
                self.broker.cancel(order.client_order_id)
            except (OrderRefusedError, BrokerDoubtError) as cause:
                self.ledger.note(order.client_order_id, now, f"CANCEL: {_words(cause)}")
        try:
            return self.resolve(order, now)
        except BrokerDoubtError:
            return order

    def is_over(
        self, order: Order, session: date | None = None, *, is_doubt_allowed: bool = True
    ) -> bool:
        """Whether the order's session has ended, by the broker's clock, not this machine's.

        A broker without a clock is at the close of `session`, which it was told of. One whose
        clock cannot be read leaves the answer at no, or raises :class:`BrokerDoubtError`.
        """
        try:
            clock = self.broker.clock()
        except BrokerDoubtError:
            if is_doubt_allowed:
                return False
            raise
        if clock is None:
            return session is not None and order.session < session
        return clock.now >= order.expires_at

    def as_recorded(self, order: Order) -> Order:
        """The order as the ledger has it: a look at the broker may have brought more since."""
        return self.ledger.order(order.client_order_id) or order

    def _held(self, order: Order) -> Position | None:
        own = [p for p in self.ledger.positions() if p.position_id == order.position_id]
        return own[0] if own else None

    def _taken_over(self, order: Order, found: BrokerOrder, now: datetime) -> Order:
        try:
            after = self.take_over(order, found, now)
        except BrokerDoubtError as doubt:
            return self._noted(order, doubt, now)
        self.at("recorded")
        return after

    def _expired(self, order: Order, now: datetime) -> Order:
        why = "NEVER_SENT" if order.status in ("intent", "unknown") else "MISSING_AT_BROKER"
        # An exit keeps why it was one.
        expired = order.to("expired", reason=order.reason if order.purpose == "exit" else why)
        self.ledger.record(expired, now, detail=why)
        return expired

    def _noted(self, order: Order, doubt: BrokerDoubtError, now: datetime) -> Order:
        self.ledger.note(order.client_order_id, now, f"DOUBT: {_words(doubt)}")
        return order


def _spreads_of(order: Order, contracts: Mapping[str, int]) -> int | None:
    """How many spreads of the order's legs trade those contracts; None if they are others."""
    one = contracts_of(replace(order, contracts=1))
    spreads = max((abs(contracts.get(symbol, 0) // ratio) for symbol, ratio in one.items()))
    return spreads if contracts_of(replace(order, contracts=spreads)) == contracts else None


def _position_after(
    before: Order, after: Order, held: Position | None, session: date
) -> Position | None:
    if after.filled_qty == 0 or (after.filled_qty, after.avg_price) == (
        before.filled_qty,
        before.avg_price,
    ):
        return None
    if after.purpose == "entry":
        return after_entry_fill(after, held, session, fees_before_usd=before.fees_usd)
    if held is None:
        raise LedgerError(
            f"order {after.client_order_id} closes a position that the ledger does not know"
        )
    return after_exit_fill(before, after, held, session)


def _with_words(order: Order, words: str | None) -> str | None:
    """The reason of an order with what the broker says; an exit keeps why it was one."""
    why = order.reason if order.purpose == "exit" else None
    if words is None or (why is not None and why.endswith(words)):
        return order.reason
    return words if why is None else f"{why}: {words}"


def _words(cause: Exception) -> str:
    return str(cause).splitlines()[0][:MOST_WORDS]
