"""Working orders through a session: reprice step by step, and cancel.

Each step reads the ledger, so that one that was interrupted is simply done again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import BrokerDoubtError, works_at_close
from options_platform.domain.calendar.sessions import NEW_YORK, close_time
from options_platform.domain.earnings.trade_exits import FOR_REPORT
from options_platform.domain.trading.exits.exit_rules import IMMEDIATE_REASONS
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
    has_something_left,
    last_attempts,
    next_price,
    price_after_worst,
    price_within,
    was_sent_again,
    with_next_attempt,
)
from options_platform.errors import LedgerError
from options_platform.services.trading.broker_time import plausible_clock
from options_platform.services.trading.closing.reasons import FLATTEN
from options_platform.services.trading.entries.sizes import EntrySizes
from options_platform.services.trading.pauses import entries_stopped
from options_platform.services.trading.prices.live_quotes import (
    PresentMarket,
    Pricing,
    present_market,
)
from options_platform.services.trading.session import TradingSession

OVERTAKEN = "OVERTAKEN"
CROSSES_BEFORE_CLOSE = timedelta(minutes=30)
"""From then on an exit before a report is offered at the far side of the quotes."""
PURPOSES: tuple[Purpose, ...] = ("entry", "exit")


def session_to_decide(trading: TradingSession, now: datetime) -> date:
    """The session that an order is decided in now; a simulated market is at its last one.

    By the broker's clock where it can be read: this machine's may be off.
    """
    last = trading.ledger.last_marked()
    if works_at_close(trading.broker) and last is not None:
        return last
    try:
        clock = plausible_clock(trading.broker, now)
    except BrokerDoubtError:
        clock = None
    return deciding_session(now if clock is None else clock.now)


@dataclass(frozen=True)
class OrderWorker:
    """Works the orders of one account."""

    trading: TradingSession
    seen: list[PresentMarket] = field(default_factory=list, compare=False, repr=False)
    """The market of the present step: it is asked for once, for all that is held."""
    kept: dict[str, datetime] = field(default_factory=dict, compare=False, repr=False)
    """Entries (ids) whose next price was refused, and when: it is asked for again a rung later."""

    def advance(self, now: datetime) -> list[Order]:
        """One step of each order: bring it up to date, cancel it after its rung, send the next.

        Returns the orders that still work, and, while the broker cannot be asked, those that ended
        and wait to be sent again. The last rung rests until its order expires. An entry that has
        partly filled is not sent again; what is left of an exit is.
        """
        with self.trading.exclusively():
            return self.step(now, PURPOSES)

    def step(
        self, now: datetime, purposes: Sequence[Purpose], *, follows_market: bool = True
    ) -> list[Order]:
        """As :meth:`advance`, for orders of these purposes, by a caller that trades exclusively.

        With `follows_market` what a person flattens is priced anew where the market has left its
        last rung behind.
        """
        self.seen.clear()
        purposes, waiting = self._take_over(now, purposes)
        beside = {order.client_order_id for order in waiting}
        for order in self._working(purposes):
            if order.client_order_id in beside:
                continue
            if order.status in ("intent", "unknown"):
                self._send(order, now)
            elif self._is_to_be_repriced(order, now, follows_market=follows_market):
                reason = REPRICE if order.purpose == "entry" else order.reason
                self._cancel(order, reason, REPRICE, now)
        self.send_again(now, purposes, beside)
        if "entry" in purposes and entries_stopped(self.trading.ledger) is not None:
            # One whose request was on its way may have arrived since.
            self.trading.entries.cancel_all(now)
        for order in self._working(purposes):
            if order.withdrawn and order.status in CANCELLABLE:
                self.trading.execution.carry_out(order, Event.UNWANTED, now)
        working = self._working(purposes)
        return [*waiting, *(o for o in working if o.client_order_id not in beside)]

    def send_again(
        self, now: datetime, purposes: Sequence[Purpose], beside: Collection[str] = ()
    ) -> None:
        """Send the next attempt of what ended with something left to do.

        Where the legs of an exit are not, or no longer, what is left of its position, what is left
        is closed instead. Orders of the ids `beside` wait.
        """
        for order in self._to_send_again(now):
            if order.purpose not in purposes or order.client_order_id in beside:
                continue
            is_in_doubt = order.status == "unknown"
            is_entry = order.purpose == "entry"
            if is_entry or (not is_in_doubt and self.trading.closing.closes_what_is_left(order)):
                self._send_next(order, now)
            else:
                self._close_rest(order, now)

    def is_beyond(self, order: Order, fair_price: float) -> bool:
        """Whether an exit rests on its last rung, where a market at `fair_price` cannot meet it."""
        rules = self.trading.settings.ladder
        return (
            order.status in CANCELLABLE
            and self._next_price(order) is None
            and price_after_worst(order, fair_price, rules) is not None
        )

    def overtake(self, order: Order, reason: str, now: datetime) -> None:
        """Cancel an exit because of a stop; once that is final it is sent again, priced anew."""
        self._cancel(order, reason, OVERTAKEN, now)

    def refused(self, now: datetime) -> list[Order]:
        """Exits that the broker rejected and whose positions nothing closes now."""
        open_positions = self._open_positions()
        return [
            order
            for order in self._last_attempts(now)
            if order.purpose == "exit"
            and order.status == "rejected"
            and order.position_id in open_positions
        ]

    def halt(self, now: datetime, reason: str) -> list[Order]:
        """Refuse new entries and cancel those that work; the entries that still may fill."""
        # First of all, and without a broker: whatever else happens, nothing new is sent.
        self.trading.ledger.halt(reason, now)
        try:
            with self.trading.exclusively():
                self.trading.execution.cancel_afresh()
                with suppress(BrokerDoubtError):
                    self.trading.reconciler.take_over(now)
                return self.trading.entries.cancel_all(now)
        except LedgerError as error:
            raise LedgerError(
                f"new entries are halted from now on, and those that work not canceled yet: {error}"
            ) from error

    def _take_over(
        self, now: datetime, purposes: Sequence[Purpose]
    ) -> tuple[Sequence[Purpose], list[Order]]:
        """Bring the ledger up to date; the purposes that can be worked, and the orders that wait.

        While the broker's lists cannot be read, each exit goes on by its own look-up, if that is
        answered; all else waits.
        """
        try:
            self.trading.reconciler.take_over(now)
        except BrokerDoubtError:
            orders = [*self._working(purposes), *self._to_send_again(now)]
            looked_up = [order for order in orders if self._is_looked_up(order)]
            for order in looked_up:
                self.trading.execution.carry_out(order, Event.LOOK, now)
            waiting = [order for order in orders if order not in looked_up]
            return (("exit",) if looked_up else ()), waiting
        return purposes, []

    def _is_looked_up(self, order: Order) -> bool:
        """Whether it is an exit, and the broker answers for it by its id."""
        if order.purpose != "exit":
            return False
        try:
            self.trading.broker.find(order.client_order_id)
        except BrokerDoubtError:
            return False
        return True

    def _working(self, purposes: Sequence[Purpose]) -> list[Order]:
        return [o for o in self.trading.ledger.working_orders() if o.purpose in purposes]

    def _send(self, order: Order, now: datetime) -> None:
        if order.purpose == "exit":
            self.trading.closing.send_again(order, now)
        else:
            self.trading.entries.send(order, now)

    def _is_to_be_repriced(self, order: Order, now: datetime, *, follows_market: bool) -> bool:
        """Whether a resting order makes room for the next one: its price or its legs are outdated.

        Its rung is over, it closes what is no longer there, or the market has left it behind.
        """
        if order.status not in CANCELLABLE:
            return False
        far_side = self._far_side(order)
        if far_side is not None and self._is_short_of(order, far_side):
            return True
        if far_side is None and self._rung_is_over(order, now):
            return True
        if order.purpose == "exit" and not self.trading.closing.closes_what_is_left(order):
            return True
        return follows_market and self._was_left_behind(order)

    def _rung_is_over(self, order: Order, now: datetime) -> bool:
        rung = timedelta(seconds=self.trading.settings.ladder.rung_seconds)
        is_void = order.purpose == "entry" and order.withdrawn
        if order.placed_at is None or now - order.placed_at < rung or is_void:
            return False
        price = self._next_price(order)
        if price is None or not self._has_traded(order, rung):
            return False
        return order.purpose == "exit" or self._entry_makes_room(order, price, now)

    def _entry_makes_room(self, order: Order, price: float, now: datetime) -> bool:
        """Whether a resting entry is canceled, to be sent again at `price`.

        It rests on where only that price is refused, and while that cannot be known. Where its own
        price is refused too, as in a market that has moved away, it is withdrawn.
        """
        if order.filled_qty:
            return True
        rung = timedelta(seconds=self.trading.settings.ladder.rung_seconds)
        asked_at = self.kept.get(order.client_order_id)
        if asked_at is not None and now - asked_at < rung:
            return False
        try:
            stays = self.trading.entries.allowed_price(order, price, now) == order.limit_price
        except BrokerDoubtError:
            stays = True
        if stays:
            self.kept[order.client_order_id] = now
        return not stays

    def _far_side(self, order: Order) -> float | None:
        """The price at which an exit before a report meets the market in the last half hour.

        USD a share; None before that, for other exits, and without sound quotes, where the ladder
        goes on. Whatever closes the position, it must not be open at the close.
        """
        if order.purpose != "exit" or order.limit_price is None or not self._leaves(order):
            return None
        try:
            clock = self.trading.broker.clock()
        except BrokerDoubtError:
            return None
        if clock is None or not clock.is_open:
            return None
        if close_time(clock.now.astimezone(NEW_YORK).date()) - clock.now > CROSSES_BEFORE_CLOSE:
            return None
        offers = self._market().offers(order.ticker, order.legs)
        return None if offers is None else offers.at_once

    def _is_short_of(self, order: Order, price: float) -> bool:
        """Whether the limit of an exit does not meet a market at that price."""
        return price_after_worst(order, price, self.trading.settings.ladder) is not None

    def _leaves(self, order: Order) -> bool:
        """Whether a report ahead has the order's position leave in this session."""
        if (order.reason or "").partition(":")[0] in FOR_REPORT:
            return True
        reasons = self.trading.closing.reasons
        return any(
            position.position_id == order.position_id
            and reasons.leaves_before_report(position, order.session)
            for position in self.trading.ledger.positions(only_open=True)
        )

    def _was_left_behind(self, order: Order) -> bool:
        """Whether what a person flattens rests where the market has left it behind."""
        if not _is_of_flatten(order):
            return False
        offers = self._market().offers(order.ticker, order.legs)
        return offers is not None and self.is_beyond(order, offers.first)

    def _has_traded(self, order: Order, rung: timedelta) -> bool:
        """Whether the market has been open for a rung: before it the order could not rest there."""
        try:
            clock = self.trading.broker.clock()
        except BrokerDoubtError:
            return False
        return clock is not None and clock.is_open and clock.now - order.works_from >= rung

    def _cancel(self, order: Order, reason: str | None, detail: str, now: datetime) -> None:
        execution = self.trading.execution
        recorded = execution.as_recorded(order)
        if recorded.status not in CANCELLABLE:
            # It ended while the broker was asked about something else.
            return
        self.trading.ledger.record(replace(recorded, reason=reason), now, detail=detail)
        execution.at("to be canceled")
        execution.carry_out(recorded, Event.UNWANTED, now)
        execution.at("canceled")

    def _to_send_again(self, now: datetime) -> list[Order]:
        open_positions = self._open_positions()
        return [
            order
            for order in self._last_attempts(now)
            if has_something_left(order, open_positions) or self._leaves_a_way(order)
        ]

    def _leaves_a_way(self, order: Order) -> bool:
        """Whether the broker refused an exit, and not all that may be closed in its place."""
        is_refused = order.purpose == "exit" and order.status == "rejected"
        return is_refused and self.trading.closing.has_a_way(order)

    def _last_attempts(self, now: datetime) -> list[Order]:
        session = session_to_decide(self.trading, now)
        return last_attempts(self.trading.ledger.orders(session=session))

    def _open_positions(self) -> set[str]:
        return {p.position_id for p in self.trading.ledger.positions(only_open=True)}

    def _send_next(self, order: Order, now: datetime) -> None:
        """Send the next attempt, one rung on.

        An entry whose next rung alone has been refused since it was canceled stays on its own.
        """
        price = self._next_price(order)
        attempt = order.attempt + 1
        if order.purpose == "entry":
            price = order.limit_price if price is None else self._still_allowed(order, price, now)
            account = self.trading.settings.account
            order_id = client_order_id(
                account, order.session, order.ticker, "entry", attempt, order.rule_set
            )
            following = replace(with_next_attempt(order, order_id, price), reason=None)
            self.trading.entries.send(following, now)
            return
        if (far_side := self._far_side(order)) is not None:
            price = price_after_worst(order, far_side, self.trading.settings.ladder)
        # The worst price was reached before: what is left of an exit stays there, but for a stop.
        price = self._stop_price(order) if price is None else price
        price = order.limit_price if price is None else price
        if price is not None:
            order_id = exit_order_id(order.position_id, order.session, attempt)
            following = with_next_attempt(order, order_id, price)
            self.trading.closing.send_next(following, now)

    def _still_allowed(self, order: Order, price: float, now: datetime) -> float | None:
        """`price`, or the price that a canceled entry had if only the new one is refused."""
        try:
            allowed = self.trading.entries.allowed_price(order, price, now)
        except BrokerDoubtError:
            return price
        return price if allowed is None else allowed

    def _stop_price(self, order: Order) -> float | None:
        """Where a stop begins anew once the market is beyond its worst price; None for others."""
        if order.reason not in IMMEDIATE_REASONS and not _is_of_flatten(order):
            return None
        market, rules = self._market(), self.trading.settings.ladder
        fair = market.fair(order.ticker, order.legs)
        if _is_of_flatten(order):
            # As a flatten begins: where the market is met at once.
            fair = market.at_once(order.ticker, None)(order.legs)
        return None if fair is None else price_after_worst(order, fair, rules)

    def _market(self) -> PresentMarket:
        """The market of what is held, and of the exits that work."""
        trading, ledger = self.trading, self.trading.ledger
        if not self.seen:
            priced: list[Order | Position] = [
                *ledger.positions(only_open=True),
                *self._working(("exit",)),
            ]
            self.seen.append(
                present_market(trading.broker, trading.settings, trading.closes, priced, ledger)
            )
        return self.seen[0]

    def _close_rest(self, order: Order, now: datetime) -> None:
        """Close what is left of a position whose exit was for other legs."""
        for position in self.trading.ledger.positions(only_open=True):
            if position.position_id == order.position_id:
                # Without what the broker said of the one before.
                reason = (order.reason or "EXIT").partition(":")[0]
                price = self._price_of(position)
                self.trading.closing.close_position(position, order.session, reason, price, now)

    def _price_of(self, position: Position) -> Pricing:
        """What closing costs by the broker's quotes of now, else by the newest close."""
        newest = self.trading.closes.get(position.ticker)
        at_close = None
        if newest is not None:
            at_close = self.trading.closing.at_close(newest.session, newest.close)
        return self._market().at_once(position.ticker, at_close)

    def _next_price(self, order: Order) -> float | None:
        orders = self.trading.ledger.orders(session=order.session)
        price = next_price(order, orders, self.trading.settings.ladder)
        if price is None:
            return None
        if order.purpose == "entry":
            if was_sent_again(order, orders):
                return None
            trading = self.trading
            sizes = EntrySizes(trading.ledger, trading.broker, trading.settings)
            return price if sizes.is_within_cap(order, price) else None
        offers = self._market().offers(order.ticker, order.legs)
        return price if offers is None else price_within(order, price, offers.worst)


def _is_of_flatten(order: Order) -> bool:
    return order.purpose == "exit" and (order.reason or "").partition(":")[0] == FLATTEN
