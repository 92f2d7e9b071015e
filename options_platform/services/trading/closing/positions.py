"""Closing positions: which legs next, at which price, under which id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import BrokerDoubtError, Quote
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.closing import (
    has_shares,
    has_uncovered_short,
    in_doubt,
    is_rest_of_cover,
    next_to_close,
    what_the_broker_shows,
    without_cover,
)
from options_platform.domain.trading.cover import uncovers
from options_platform.domain.trading.ex_dividend import before_ex_date
from options_platform.domain.trading.exits import PositionMark, exit_reason
from options_platform.domain.trading.fills import MarketClose
from options_platform.domain.trading.orders import (
    Order,
    OrderLeg,
    closing,
    exit_order_id,
    shares_leg,
)
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import keeps_from_trading
from options_platform.domain.trading.remains import judged_legs
from options_platform.services.trading.closing.exercises import Exercising
from options_platform.services.trading.entries.expiry_capacity import ExpiryCheck
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.prices.live_quotes import Pricing, priced_at_close
from options_platform.services.trading.reconciliation.reconcile import Reconciler
from options_platform.settings import Settings

LEGS_GONE = "LEGS_GONE"
LEG_MISSING = "LEG_MISSING"
ASSIGNED = "ASSIGNED"
FLATTEN = "FLATTEN"


@dataclass(frozen=True)
class Closing:
    """Closes the positions of one account; nothing here asks a limit or a halt."""

    execution: Execution
    reconciler: Reconciler
    settings: Settings

    @property
    def expiry(self) -> ExpiryCheck:
        """The policy of expiry at this account."""
        return ExpiryCheck(self.execution.ledger, self.execution.broker, self.settings)

    def exit_due(
        self, position: Position, session: date, value: float, close: MarketClose | None = None
    ) -> str | None:
        """The rule that closes a position that is worth `value`, USD a share, in `session`.

        Without the `close` of the session nothing is known of the next dividend.
        """
        return exit_reason(
            PositionMark(
                entry_price=position.entry_price,
                close_price=value,
                max_loss=position.max_loss_usd / position.units,
                max_profit=position.max_profit_usd / position.units,
                entry_dte=position.entry_dte,
                expiry=position.expiry,
                session=session,
                last_decision_on=self.expiry.last_decision(position, session),
                before_ex_date=close is not None
                and before_ex_date(
                    judged_legs(position) or position.legs,
                    session,
                    close,
                    self.settings.plan.chain,
                    self.settings.exits.ex_dividend,
                ),
            ),
            self.settings.exits,
        )

    def standing_reasons(self, now: datetime) -> dict[str, str]:
        """Why open positions are to be closed whatever they are worth, by position_id.

        A sold contract that lost its cover is bought back; shares of an assignment are closed, and
        then what covered them; a spread whose bought contract the list has been lacking for a while
        is closed whole; and what was once flattened stays to be closed when its order ended.
        """
        ledger = self.execution.ledger
        reasons = {
            order.position_id: FLATTEN
            for order in ledger.orders()
            if order.purpose == "exit" and (order.reason or "").partition(":")[0] == FLATTEN
        }
        lasting = self._lasting_doubts(now)
        for position in ledger.positions(only_open=True):
            if has_uncovered_short(position):
                reasons[position.position_id] = LEGS_GONE
            elif has_shares(position) or is_rest_of_cover(position):
                reasons[position.position_id] = ASSIGNED
            elif self._cover_is_missing(position, lasting):
                reasons[position.position_id] = LEG_MISSING
        return reasons

    def _lasting_doubts(self, now: datetime) -> set[str]:
        """The contracts that the broker's list has been lacking since an earlier look."""
        ledger = self.execution.ledger
        symbols = [d.subject for d in ledger.differences() if d.code == "CONTRACTS"]
        since = ledger.doubts()
        wait = timedelta(seconds=self.settings.reconcile.doubt_seconds)
        return {s for s in symbols if s in since and now - since[s] >= wait}

    def _cover_is_missing(self, position: Position, lasting: set[str]) -> bool:
        """Whether the list lacks a bought contract of a position, and shows the sold ones."""
        if not lasting or not any(leg.side == "sell" for leg in position.legs):
            return False
        try:
            missing = lasting & set(self._in_doubt(position))
        except BrokerDoubtError:
            return False
        return without_cover(position, missing) is not None

    def _in_doubt(self, position: Position) -> tuple[str, ...]:
        at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        return in_doubt(position, self.execution.ledger.books().contracts, at_broker)

    def at_close(self, session: date, close: MarketClose) -> Pricing:
        """What legs are worth at the mid of a close, USD a share; None of an adjusted root."""
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
        """Send the order that closes what is to be closed next of a position; None for none.

        An entry that still works for the position is canceled first: its fills would be left. What
        is to be closed is what the ledger holds, by fills and activities. Where the broker's list
        lacks some of it, or cannot be read, whole spreads still go as one order whose legs say
        that they close, which a broker refuses where it has nothing to close; of single legs only
        a sold contract is bought back then. Without a price the last mark is taken for whole
        spreads; there is no order then for a part. With `at_once_by` an order for legs that these
        do not quote begins at the last rung.
        """
        ledger = self.execution.ledger
        for order in ledger.working_orders():
            if (order.purpose, order.position_id) == ("entry", position.position_id):
                self.execution.cancel(order, now)
        current = self._open_now(position.position_id)
        if current is None:
            return None
        sent = self._closed_next(current, session, reason, price, now, at_once_by)
        if sent is None or sent.status != "rejected":
            return sent
        if sent.purpose == "exercise":
            # The market takes what could not be exercised.
            return self._closed_next(current, session, reason, price, now, at_once_by)
        legs, contracts = self._next_legs(current, session)
        if (closing(legs), contracts) == (sent.legs, sent.contracts):
            return sent
        return self._closed_next(current, session, reason, price, now, at_once_by)

    def _closed_next(
        self,
        position: Position,
        session: date,
        reason: str,
        price: Pricing | None,
        now: datetime,
        at_once_by: Mapping[str, Quote] | None,
    ) -> Order | None:
        """Send the order for what is to be closed next; None if nothing may be sent now."""
        legs, contracts = self._next_legs(position, session)
        if any(leg.expiry < shift(session, 1) for leg in legs):
            # It has expired: the broker says how, and nobody trades it any more.
            return None
        if not legs or not self._is_safe(position, legs, contracts, session):
            return None
        buys_back = not legs[0].is_shares and legs[0].side == "sell"
        if self._is_being_exercised(position) and not buys_back:
            # Once it is done the shares are gone: sold as well they would be sold twice.
            return None
        if legs[0].is_shares and price is not None:
            leg, is_confirmed = self._to_exercise(position, session, price, now)
            if leg is not None and (is_confirmed or reason.partition(":")[0] != FLATTEN):
                # Nothing undoes an exercise, nor a sale of the shares: a second look decides, but
                # for a person who wants to be out.
                return self._exercise(position, session, leg, now) if is_confirmed else None
        fair = None if price is None else price(closing(legs))
        if fair is None:
            if legs != position.legs and not self.execution.broker.takes_market_orders:
                return None
            fair = -position.mark_price
        symbols = {leg.symbol(position.ticker) for leg in legs if not leg.is_shares}
        at_floor = at_once_by is not None and not symbols <= at_once_by.keys()
        order = self._exit_order(
            position, session, reason, fair, legs, contracts, at_floor=at_floor
        )
        return self.execution.send(order, now)

    def _next_legs(self, position: Position, session: date) -> tuple[tuple[OrderLeg, ...], int]:
        """What to close next; less of it where the broker refused to close the whole.

        Where its list lacks a bought contract too, the sold one is bought back alone: that leaves
        nothing uncovered, and the bought one stays to be closed. Where it lacks sold ones, as many
        whole spreads as it shows are closed.
        """
        legs, contracts = next_to_close(position)
        is_alone = position.open_contracts and legs != position.legs
        if is_alone and self._may_be_closed_already(position, session):
            # While the buy-back of a sold contract alone is in doubt, whole spreads leave.
            legs, contracts = position.legs, position.open_contracts
        is_refused = len(legs) > 1 and any(
            o.purpose == "exit"
            and o.position_id == position.position_id
            and o.status == "rejected"
            and len(o.legs) > 1
            for o in self.execution.ledger.orders(session=session)
        )
        expected = self.execution.ledger.books().contracts
        is_netted = len(legs) > 1 and not all(
            _covers(expected.get(leg.symbol(position.ticker), 0), leg, contracts) for leg in legs
        )
        if not is_refused and not is_netted:
            return legs, contracts
        try:
            at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        except BrokerDoubtError:
            return legs, contracts
        missing = in_doubt(position, expected, at_broker)
        # No leg of what another position nets says that it closes, so nobody would refuse it.
        if is_refused or without_cover(position, missing) is not None:
            return what_the_broker_shows(position, expected, at_broker)
        return legs, contracts

    def _is_safe(
        self, position: Position, legs: tuple[OrderLeg, ...], contracts: int, session: date
    ) -> bool:
        """Whether an order for `legs` leaves nothing uncovered, whatever the broker's list shows.

        Legs that close by the ledger say so, and the broker refuses what it has nothing of. Where
        another position holds them too it does not, so no exit of this one may be in doubt; and
        those that the ledger nets against another's other side wait for a list that agrees.
        """
        books = self.execution.ledger.books()
        expected, lots, left = books.contracts, books.lots, books.of_positions
        change = {leg.symbol(position.ticker): -leg.signed_ratio * contracts for leg in legs}
        # A sold contract may need them, be it of another position, or of none.
        adds_up = not uncovers(books.to_be_covered, change) and all(
            lots.get(s, 0) == left.get(s, 0) for s in symbols_of(position, legs)
        )
        if not adds_up:
            # Nobody knows what there is to close.
            return False
        closes = all(_covers(expected.get(leg.symbol(position.ticker), 0), leg, contracts)
                     for leg in legs)  # fmt: skip
        is_whole = len(legs) > 1 or legs == position.legs
        # What another position holds of its contracts the broker would take for this one's.
        is_shared = any(_is_shared(expected, position, leg) for leg in legs)
        if closes and is_whole and not is_shared:
            return True
        if self._may_be_closed_already(position, session):
            return False
        is_bought_back = legs[0].side == "sell" and not legs[0].is_shares
        if closes and (is_whole or is_bought_back):
            return True
        try:
            doubtful = self._in_doubt(position)
        except BrokerDoubtError:
            return False
        return not {leg.symbol(position.ticker) for leg in legs} & set(doubtful)

    def _may_be_closed_already(self, position: Position, session: date) -> bool:
        """Whether an exit in doubt may still close the position, or has.

        Another would close it twice, and no broker refuses that where it has more of them.
        """
        day = shift(session, 1)
        return any(
            o.purpose == "exit"
            and o.position_id == position.position_id
            and keeps_from_trading(o, day)
            for o in self.execution.ledger.unsettled_orders()
        )

    def _is_being_exercised(self, position: Position) -> bool:
        """Whether an exercise was asked for whose end nobody has stated yet."""
        return any(
            o.purpose == "exercise"
            and o.position_id == position.position_id
            and o.status != "intent"
            for o in self.execution.ledger.unsettled_orders()
        )

    def _to_exercise(
        self, position: Position, session: date, price: Pricing, now: datetime
    ) -> tuple[OrderLeg | None, bool]:
        """What is better exercised than sold, and whether an earlier look said so too."""
        exercising = Exercising(self.execution, self.settings)
        leg = exercising.better(position, session, price((shares_leg("buy"),)))
        return leg, exercising.is_confirmed(position, leg, now)

    def _exercise(self, position: Position, session: date, leg: OrderLeg, now: datetime) -> Order:
        """Ask the broker to exercise the contracts of a leg."""
        legs = (replace(leg, ratio=1),)
        order = self._order(position, session, ASSIGNED, legs, leg.ratio, None, 1)
        number = exit_order_id(f"{position.position_id}|exercise", session, 1)
        return self.execution.exercise(
            replace(order, purpose="exercise", client_order_id=number), now
        )

    def closes_what_is_left(self, order: Order) -> bool:
        """Whether what an exit has not filled is what of its position is to be closed next."""
        current = self._open_now(order.position_id)
        if current is None:
            return False
        legs, contracts = self._next_legs(current, order.session)
        left = self.execution.as_recorded(order).remaining
        return (closing(legs), contracts) == (order.legs, left)

    def send_again(self, order: Order, now: datetime) -> Order:
        """Send an exit that the broker does not have, or withdraw one that closes what is gone."""
        if self.closes_what_is_left(order):
            return self.execution.send(order, now)
        return self.execution.cancel(order, now)

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
        earlier = [
            o.attempt
            for o in self.execution.ledger.orders(session=session)
            if o.purpose == "exit" and o.position_id == position.position_id
        ]
        limit = None
        if not self.execution.broker.takes_market_orders:
            prices = self.settings.ladder.prices("exit", fair_price, closing(legs))
            # Shares have one price that the market meets: their fills in pieces bear no ladder.
            limit = prices[-1] if at_floor or legs[0].is_shares else prices[0]
        # Only one that has ended lets the next attempt exist: those that work are still leaving.
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
    """Whether a working order closes its position; an exercise once it was asked for."""
    return order.purpose == "exit" or (order.purpose == "exercise" and order.status != "intent")


def symbols_of(position: Position, legs: tuple[OrderLeg, ...]) -> set[str]:
    """The symbols of some legs."""
    return {leg.symbol(position.ticker) for leg in legs}


def _is_shared(expected: Mapping[str, int], position: Position, leg: OrderLeg) -> bool:
    """Whether the account should hold more of a leg's contract than the position does."""
    own = sum(
        count
        for held, count in position.held.items()
        if held.symbol(position.ticker) == leg.symbol(position.ticker)
    )
    return abs(expected.get(leg.symbol(position.ticker), 0)) > own


def _covers(expected: int, leg: OrderLeg, contracts: int) -> bool:
    """Whether what the account should hold of a leg's contract covers closing that many."""
    return expected * leg.signed_ratio > 0 and abs(expected) >= abs(leg.signed_ratio) * contracts
