"""Closing positions: the order for what is closed next, its price and its id."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from options_platform.adapters.ports.broker import Quote
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.closing import Part
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.netting import was_opposed
from options_platform.domain.trading.orders import (
    Order,
    OrderLeg,
    closing,
    exit_order_id,
    shares_leg,
)
from options_platform.domain.trading.orders.price_ladder import worst_of_exit
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reducer import Event
from options_platform.domain.trading.repricing import with_next_attempt
from options_platform.services.trading.closing.exercises import Exercising
from options_platform.services.trading.closing.next_legs import NextLegs
from options_platform.services.trading.closing.opposite_orders import OppositeOrders
from options_platform.services.trading.closing.reasons import ASSIGNED, FLATTEN, ExitReasons
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.prices.live_quotes import Pricing, priced_at_close
from options_platform.services.trading.reconciliation.reconcile import Reconciler
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.settings import Settings


@dataclass(frozen=True)
class Closing:
    """Closes the positions of one account; neither limits nor a halt keep it from that."""

    execution: Execution
    reconciler: Reconciler
    settings: Settings
    reports: ReportsAhead | None = None

    @property
    def reasons(self) -> ExitReasons:
        """Why positions are closed."""
        return ExitReasons(self.execution, self.settings, self.reports)

    @property
    def opposite_orders(self) -> OppositeOrders:
        """What works on the other side of an exit."""
        return OppositeOrders(self.execution)

    @property
    def next_legs(self) -> NextLegs:
        """What of a position is closed next."""
        return NextLegs(self.execution)

    def at_close(self, session: date, close: MarketClose) -> Pricing:
        """Pricing of legs at the mid of a close, USD a share; None for an adjusted root."""
        return priced_at_close(self.settings.plan.chain, session, close)

    def close_position(
        self,
        position: Position,
        session: date,
        reason: str,
        price: Pricing | None,
        now: datetime,
        *,
        at_once_by: Mapping[str, Quote] | None = None,
    ) -> Order | None:
        """Send the order for what is closed next of a position; None if nothing is sent.

        An entry that still works for the position is canceled first, or its fills would be left
        open, and so is one of another rule set that the exit would trade against; until that cancel
        is final the exit is recorded, and sent with a later step. What is closed is what the ledger
        holds, by fills and activities. Where some of it is missing in the broker's list, or the
        list cannot be read, whole spreads are still sent as one order whose legs say that they
        close, which a broker without them refuses; of single legs only a sold contract is bought
        back then. Without a `price` whole spreads are priced at their last mark, and single legs
        wait. With `at_once_by` (quotes by symbol) an order with a leg that is not among them begins
        at the last rung.
        """
        ledger = self.execution.ledger
        for order in ledger.working_orders():
            if (order.purpose, order.position_id) == ("entry", position.position_id):
                self.execution.carry_out(order, Event.UNWANTED, now)
        self.opposite_orders.withdraw(position, now)
        current = self._open_now(position.position_id)
        if current is None:
            return None
        tried: list[Part] = []
        sent: Order | None = None
        while (part := self.next_legs.of(current, session, tried)) is not None:
            tried.append(part)
            after = self._closed(current, *part, session, reason, price, now, at_once_by)
            if after is None or after.status != "rejected":
                return sent if after is None else after
            sent = after
        return sent

    def _closed(
        self,
        position: Position,
        legs: tuple[OrderLeg, ...],
        contracts: int,
        session: date,
        reason: str,
        price: Pricing | None,
        now: datetime,
        at_once_by: Mapping[str, Quote] | None,
    ) -> Order | None:
        """Send the order for what is to be closed next; None if nothing may be sent now."""
        if any(leg.expiry < shift(session, 1) for leg in legs):
            # An expired leg no longer trades: an activity says how it ended.
            return None
        buys_back = not legs[0].is_shares and legs[0].side == "sell"
        if self._is_being_exercised(position) and not buys_back:
            # The exercise delivers the shares: an order too would close them twice.
            return None
        if legs[0].is_shares and price is not None:
            leg, is_confirmed = self._to_exercise(position, session, price, now)
            if leg is not None and (is_confirmed or reason.partition(":")[0] != FLATTEN):
                # Neither an exercise nor a sale of the shares can be undone, so a second look
                # decides, unless a person flattens.
                requested = self._exercise(position, session, leg, now) if is_confirmed else None
                if requested is None or requested.status != "rejected":
                    return requested
        fair = None if price is None else price(closing(legs))
        if fair is None:
            if legs != position.legs and not self.execution.broker.takes_market_orders:
                return None
            fair = -position.mark_price
        symbols = {leg.symbol(position.ticker) for leg in legs if not leg.is_shares}
        at_worst_price = at_once_by is not None and not symbols <= at_once_by.keys()
        order = self._exit_order(
            position, session, reason, fair, legs, contracts, at_worst_price=at_worst_price
        )
        return self._sent(order, now)

    def send_next(self, order: Order, now: datetime) -> Order:
        """Send the next attempt of an exit; an entry that came between two attempts makes room."""
        current = self._open_now(order.position_id)
        if current is not None:
            self.opposite_orders.withdraw(current, now)
        return self._sent(order, now)

    def _sent(self, order: Order, now: datetime) -> Order:
        """Send an exit; while its other side is not free it stays an intent, sent once it is.

        Where the broker refuses it for that, the next attempt waits in its place.
        """
        execution = self.execution
        if self.opposite_orders.still_work(order, now):
            return execution.ledger.record_intent(order, now)
        after = execution.carry_out(order, Event.WANTED, now)
        if not was_opposed(after):
            return after
        attempt = order.attempt + 1
        order_id = exit_order_id(order.position_id, order.session, attempt)
        waiting = with_next_attempt(order, order_id, order.limit_price)
        return execution.ledger.record_intent(waiting, now)

    def _is_being_exercised(self, position: Position) -> bool:
        """Whether an exercise was requested that no activity has confirmed yet."""
        return any(
            o.purpose == "exercise"
            and o.position_id == position.position_id
            and o.status != "intent"
            for o in self.execution.ledger.unsettled_orders()
        )

    def _to_exercise(
        self, position: Position, session: date, price: Pricing, now: datetime
    ) -> tuple[OrderLeg | None, bool]:
        """The leg that is better exercised than sold, and whether an earlier look agrees."""
        exercising = Exercising(self.execution, self.settings)
        leg = exercising.better(position, session, price((shares_leg("buy"),)))
        return leg, exercising.is_confirmed(position, leg, now)

    def _exercise(self, position: Position, session: date, leg: OrderLeg, now: datetime) -> Order:
        """Request the exercise of the contracts of a leg."""
        legs = (replace(leg, ratio=1),)
        order = self._order(position, session, ASSIGNED, legs, leg.ratio, None, 1)
        order_id = exit_order_id(f"{position.position_id}|exercise", session, 1)
        return self.execution.exercise(
            replace(order, purpose="exercise", client_order_id=order_id), now
        )

    def closes_what_is_left(self, order: Order) -> bool:
        """Whether what is left of an exit is what its position has to close next."""
        current = self._open_now(order.position_id)
        if current is None:
            return False
        return self.next_legs.is_next(current, self.execution.as_recorded(order))

    def has_a_way(self, order: Order) -> bool:
        """Whether something of an exit's position may be closed that was not refused before."""
        current = self._open_now(order.position_id)
        return current is not None and self.next_legs.not_refused(current, order.session)

    def send_again(self, order: Order, now: datetime, reason: str | None = None) -> Order:
        """Send an exit that the broker does not have; withdraw one whose legs are outdated.

        One in doubt is sent under its own id, of which the broker takes one order, whenever the
        first request arrives. Another id would close twice where the account holds more of the
        contracts than the position: those of another position, or a person's that nobody has
        reported yet. So one that was withdrawn is wanted again, as long as no other exit of its
        position has followed; its `reason` becomes the given one.
        """
        if not self.closes_what_is_left(order):
            return self.execution.carry_out(order, Event.UNWANTED, now)
        recorded = self.execution.as_recorded(order)
        if recorded.status == "unknown":
            if recorded.withdrawn and not self._is_newest_exit(recorded):
                return recorded
            wanted = replace(recorded, withdrawn=False, reason=reason or recorded.reason)
            if wanted != recorded:
                self.execution.ledger.record(wanted, now, detail="WANTED_AGAIN")
            return self.execution.carry_out(wanted, Event.WANTED, now)
        return self._sent(recorded, now)

    def _is_newest_exit(self, order: Order) -> bool:
        """Whether no exit of the order's position came after it."""
        return all(
            (other.session, other.attempt) <= (order.session, order.attempt)
            for other in self.execution.ledger.orders()
            if (other.purpose, other.position_id) == ("exit", order.position_id)
        )

    def _open_now(self, position_id: str) -> Position | None:
        held = self.execution.ledger.positions(only_open=True)
        return next((p for p in held if p.position_id == position_id), None)

    def _exit_order(
        self,
        position: Position,
        session: date,
        reason: str,
        fair_price: float,
        legs: tuple[OrderLeg, ...],
        contracts: int,
        *,
        at_worst_price: bool,
    ) -> Order:
        """The order that closes `contracts` spreads of `legs` of a position.

        Where the broker takes market orders it is limited by its worst price alone; else it begins
        at the first rung of the ladder, or with `at_worst_price` at the last.
        """
        earlier = [
            o.attempt
            for o in self.execution.ledger.orders(session=session)
            if o.purpose == "exit" and o.position_id == position.position_id
        ]
        limit = None
        if self.execution.broker.takes_market_orders:
            # One price is certain there; an exit still has its worst one.
            worst = worst_of_exit(fair_price, closing(legs))
            limit = worst if math.isfinite(worst) and not legs[0].is_shares else None
        else:
            prices = self.settings.ladder.prices(position.ticker, "exit", fair_price, closing(legs))
            # Shares go at their worst price at once: they fill in pieces, which no ladder follows.
            limit = prices[-1] if at_worst_price or legs[0].is_shares else prices[0]
        # There is a next attempt only once the one before has ended.
        attempt = max(earlier, default=0) + 1
        return self._order(position, session, reason, legs, contracts, limit, attempt)

    def _order(
        self,
        position: Position,
        session: date,
        reason: str,
        legs: tuple[OrderLeg, ...],
        contracts: int,
        limit_price: float | None,
        attempt: int,
    ) -> Order:
        return Order(
            client_order_id=exit_order_id(position.position_id, session, attempt),
            session=session,
            ticker=position.ticker,
            purpose="exit",
            position_id=position.position_id,
            plan_id=position.position_id,
            strategy=position.strategy,
            legs=closing(legs),
            contracts=contracts,
            limit_price=limit_price,
            max_loss_usd=0.0,
            max_profit_usd=0.0,
            reason=reason,
            attempt=attempt,
        )


def is_leaving(order: Order) -> bool:
    """Whether a working order closes its position; an exercise once it was requested.

    One in doubt that was withdrawn is never sent again: something else has to close it.
    """
    if order.status == "unknown" and order.withdrawn:
        return False
    return order.purpose == "exit" or (order.purpose == "exercise" and order.status != "intent")
