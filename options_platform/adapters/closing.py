"""Closing positions: what is still there of each, at which price, under which id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from time import sleep

from options_platform.adapters.brokers.port import BrokerDoubtError, Quote
from options_platform.adapters.execution import Execution
from options_platform.adapters.live_quotes import Pricing
from options_platform.adapters.reconciling import Reconciler
from options_platform.domain.calendar import shift
from options_platform.domain.closing import next_to_close, without_cover
from options_platform.domain.exits import PositionMark, exit_reason
from options_platform.domain.fills import AT_MID, MarketClose, net_price
from options_platform.domain.orders import Order, OrderLeg, closing, exit_order_id
from options_platform.domain.positions import Position
from options_platform.settings import Settings

ClosePricing = Callable[[tuple[OrderLeg, ...]], float]
GONE = "GONE_AT_BROKER"
LEGS_GONE = "LEGS_GONE"
FLATTEN = "FLATTEN"
LOOKS = 2


@dataclass(frozen=True)
class Closing:
    """Closes the positions of one account; nothing here asks a limit or a halt."""

    execution: Execution
    reconciler: Reconciler
    settings: Settings

    def exit_due(self, position: Position, session: date, value: float) -> str | None:
        """The rule that closes a position that is worth `value`, USD a share, in `session`."""
        return exit_reason(
            PositionMark(
                entry_price=position.entry_price,
                close_price=value,
                max_loss=position.max_loss_usd / position.units,
                max_profit=position.max_profit_usd / position.units,
                entry_dte=position.entry_dte,
                expiry=position.expiry,
                session=session,
                # The order works in the next session, which must come before the expiry.
                last_session_before_expiry=shift(position.expiry, -2),
            ),
            self.settings.exits,
        )

    def standing_reasons(self, now: datetime) -> dict[str, str]:
        """Why open positions are to be closed whatever they are worth, by position_id.

        Where the broker lost a bought leg the sold one stands alone; and what was once flattened
        stays to be closed when its order has ended.
        """
        ledger = self.execution.ledger
        found = {
            order.position_id: FLATTEN
            for order in ledger.orders()
            if order.purpose == "exit" and (order.reason or "").partition(":")[0] == FLATTEN
        }
        codes = {difference.code for difference in ledger.differences()}
        if codes & {"CONTRACTS", "LEGS"}:
            with suppress(BrokerDoubtError):
                for number in self._without_cover(now):
                    found.setdefault(number, LEGS_GONE)
        return found

    def _without_cover(self, now: datetime) -> list[str]:
        """The positions whose bought legs the broker lacks, at a second look too."""
        held = self.execution.ledger.positions(only_open=True)
        there = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        found = []
        for position in held:
            if without_cover(position, held, there):
                left = self.left_of(position, now)
                if left is not None and left[1:] != (left[0].legs, left[0].open_contracts):
                    found.append(position.position_id)
        return found

    def at_close(self, session: date, close: MarketClose) -> ClosePricing:
        """What legs are worth at the mid of a close, USD a share."""
        return partial(
            net_price, session=session, market=close, chain=self.settings.plan.chain, fills=AT_MID
        )

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
        """Send the order that closes what is open of a position; the order, if there is one.

        An entry that still works for the position is canceled first: its fills would be left.
        Where the broker has lost legs, the spreads that are whole are closed, and a call after
        that order has filled closes what is left of the others; a position that lost all of them
        ends without an order, at what it was worth. While the broker cannot say what it holds, the
        order is written down and not sent: a leg that is gone would be opened. Without a price the
        last mark is taken for the whole; there is no order then for a part. With `at_once_by` an
        order for legs that these do not quote begins at the last rung.
        """
        for order in self.execution.ledger.working_orders():
            if (order.purpose, order.position_id) == ("entry", position.position_id):
                self.execution.cancel(order, now)
        certain = True
        try:
            found = self.left_of(position, now)
        except BrokerDoubtError:
            certain, known = False, self._open_now(position.position_id)
            found = None if known is None else (known, known.legs, known.open_contracts)
        if found is None:
            return None
        position, legs, contracts = found
        if not legs:
            self._record_gone(position, session, price, now)
            return None
        fair = None if price is None else price(closing(legs))
        if fair is None:
            if legs != position.legs and not self.execution.broker.takes_market_orders:
                return None
            fair = -position.mark_price
        at_floor = at_once_by is not None and not at_once_by.keys() >= {
            leg.symbol(position.ticker) for leg in legs
        }
        order = self._exit_order(
            position, session, reason, fair, legs, contracts, at_floor=at_floor
        )
        if not certain:
            return self.execution.ledger.record_intent(order, now)
        return self.execution.send(order, now)

    def _record_gone(
        self, position: Position, session: date, price: Pricing | None, now: datetime
    ) -> None:
        """End a position that the broker has nothing left of, at what it was worth.

        What it brought is not known here: the difference in cash says how far that is from it.
        One that has expired was worth what it was marked at on that day.
        """
        is_over = position.expiry < session
        cost = None if is_over or price is None else price(closing(position.legs))
        worth = position.mark_price if cost is None else -cost
        was = (position.exit_price or 0.0) * position.closed_contracts
        gone = replace(
            position,
            closed_contracts=position.contracts,
            closed_on=max(session, position.opened_on),
            exit_price=(was + worth * position.open_contracts) / position.contracts,
            exit_reason=GONE,
        )
        self.execution.ledger.record_position(gone, now, GONE)

    def left_of(
        self, position: Position, now: datetime
    ) -> tuple[Position, tuple[OrderLeg, ...], int] | None:
        """The position as it is now, and what of it to close next; None if it is closed.

        Raises :class:`BrokerDoubtError` while the broker cannot be asked what it holds.
        """
        ledger = self.execution.ledger
        known = self._open_now(position.position_id)
        for look in range(LOOKS):
            if known is None:
                return None
            there = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
            legs, contracts = next_to_close(known, ledger.positions(only_open=True), there)
            if contracts == known.open_contracts and legs == known.legs:
                break
            if look + 1 < LOOKS:
                # What is lacking may be a fill that the ledger has not heard of, or a list that
                # lags behind.
                sleep(self.settings.reconcile.loss_pause_seconds)
                self.reconciler.take_over(now)
                known = self._open_now(position.position_id)
        return None if known is None else (known, legs, contracts)

    def closes_what_is_left(self, order: Order, now: datetime) -> bool:
        """Whether what an exit has not filled is what of its position is to be closed next.

        Raises :class:`BrokerDoubtError` as :meth:`left_of`.
        """
        known = self._open_now(order.position_id)
        found = None if known is None else self.left_of(known, now)
        if found is None:
            return False
        # Looking may have brought fills that `order` does not know of.
        left = self.execution.as_recorded(order).remaining
        return (closing(found[1]), found[2]) == (order.legs, left)

    def send_again(self, order: Order, now: datetime) -> Order:
        """Send an exit that the broker does not have, or end one that closes what is gone.

        One whose request may still be on its way is ended only after the time of a rung. While the
        broker cannot be asked what it holds and has of the order, nothing is done.
        """
        try:
            if self.closes_what_is_left(order, now):
                return self.execution.send(order, now)
            order = self.execution.resolve(order, now)
        except BrokerDoubtError:
            return order
        if order.status not in ("intent", "unknown"):
            return order
        rung = timedelta(seconds=self.settings.ladder.rung_seconds)
        if order.placed_at is not None and now - order.placed_at < rung:
            return order
        doubtful = order.to("unknown")
        self.execution.ledger.record(doubtful, now, detail=LEGS_GONE)
        ended = doubtful.to("canceled")
        self.execution.ledger.record(ended, now, detail=LEGS_GONE)
        return ended

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
        at_floor: bool,
    ) -> Order:
        """The order that closes `contracts` spreads of `legs` of a position.

        Where one price is certain it takes that: leaving matters more. Elsewhere it begins at the
        first rung of the ladder, or with `at_floor` at the last; no spread takes the market.
        """
        rules = self.settings.ladder
        earlier = [
            o.attempt
            for o in self.execution.ledger.orders(session=session)
            if o.purpose == "exit" and o.position_id == position.position_id
        ]
        # Only one that has ended lets the next attempt exist: those that work are still leaving.
        attempt = max(earlier, default=0) + 1
        limit = None
        if not self.execution.broker.takes_market_orders:
            prices = rules.prices("exit", fair_price, closing(legs))
            limit = prices[-1] if at_floor else prices[0]
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
            limit_price=limit,
            max_loss_usd=0.0,
            max_profit_usd=0.0,
            reason=reason,
            attempt=attempt,
        )
