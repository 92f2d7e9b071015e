"""Which legs of a position are closed next, and whether an order for them is safe to send."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.closing import (
    Part,
    next_to_close,
    what_the_broker_shows,
    without_cover,
)
from options_platform.domain.trading.closing import in_doubt as contracts_in_doubt
from options_platform.domain.trading.cover import most_covered
from options_platform.domain.trading.netting import was_opposed
from options_platform.domain.trading.orders import Order, OrderLeg, closing
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import keeps_from_trading
from options_platform.services.trading.closing.cover_left import cover_left
from options_platform.services.trading.execution import Execution


@dataclass(frozen=True)
class NextLegs:
    """Chooses what of a position is closed next, by the ledger and the broker's list."""

    execution: Execution

    def of(self, position: Position, session: date, tried: Collection[Part] = ()) -> Part | None:
        """What to close next; None where nothing may be sent now, beyond what was `tried`.

        What the broker has refused in the session waits until nothing else is left to send.
        """
        refused = self._refused(position, session)
        parts = [part for part in self._parts(position, refused) if part not in tried]
        parts.sort(key=refused.__contains__)
        return next((part for part in parts if self._is_safe(position, *part, session)), None)

    def not_refused(self, position: Position, session: date) -> bool:
        """Whether there is something to close that the broker has not refused in the session."""
        return self.of(position, session, self._refused(position, session)) is not None

    def is_next(self, position: Position, order: Order) -> bool:
        """Whether nothing is to be closed before what an exit has not filled yet."""
        refused = self._refused(position, order.session)
        for legs, contracts in self._parts(position, refused):
            if (closing(legs), contracts) == (order.legs, order.remaining):
                return True
            is_refused = (legs, contracts) in refused
            if not is_refused and self._is_safe(position, legs, contracts, order.session):
                return False
        return False

    def _refused(self, position: Position, session: date) -> list[Part]:
        """What of a position the broker has refused to close in a session.

        What only an order on the other side kept out is closed once that has left.
        """
        return [
            (closing(o.legs), o.contracts)
            for o in self.execution.ledger.orders(session=session)
            if o.purpose == "exit"
            and o.position_id == position.position_id
            and o.status == "rejected"
            and not was_opposed(o)
        ]

    def _parts(self, position: Position, refused: Collection[Part]) -> list[Part]:
        """What may be closed next, in that order; less of the whole where its list lacks some.

        Where the broker's list lacks a bought contract, the sold one is bought back alone: that
        leaves nothing uncovered, and the bought one stays to be closed. Where it lacks sold ones,
        as many whole spreads as it shows are closed.
        """
        parts: list[Part] = []
        expected = self.execution.ledger.statement().contracts
        for legs, contracts in next_to_close(position):
            parts.append((legs, contracts))
            is_refused = (legs, contracts) in refused
            is_netted = not self._close_something(position, legs, contracts, expected)
            if len(legs) == 1 or not (is_refused or is_netted):
                continue
            try:
                at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
            except BrokerDoubtError:
                continue
            shown = what_the_broker_shows(position, expected, at_broker)
            missing = contracts_in_doubt(position, expected, at_broker)
            if is_refused:
                parts.append(shown)
            elif without_cover(position, missing) is not None:
                # No leg of what another position nets says that it closes: nobody would refuse it.
                parts[-1] = shown
        return [self._covered(position, *part) for part in parts]

    def _covered(self, position: Position, legs: tuple[OrderLeg, ...], contracts: int) -> Part:
        """As many of a part as may be closed: a sold contract may need the rest.

        Be it of another position, or of none.
        """
        change = {leg.symbol(position.ticker): -leg.signed_ratio for leg in legs}
        left = cover_left(self.execution.ledger, position)
        return legs, most_covered(left, change, contracts)

    def _close_something(
        self, position: Position, legs: tuple[OrderLeg, ...], contracts: int,
        expected: Mapping[str, int],
    ) -> bool:  # fmt: skip
        """Whether the account should hold what an order for `legs` closes."""
        return all(
            _covers(expected.get(leg.symbol(position.ticker), 0), leg, contracts) for leg in legs
        )

    def _is_safe(
        self, position: Position, legs: tuple[OrderLeg, ...], contracts: int, session: date
    ) -> bool:
        """Whether an order for `legs` leaves nothing uncovered, whatever the broker's list shows.

        Legs say that they close, and the broker refuses to close what it does not have. Where
        another position holds the same contracts it would not refuse, so no exit of this position
        may be in doubt; legs that the ledger nets against the other side of another position wait
        for a list that agrees.
        """
        ledger_side = self.execution.ledger.statement()
        expected, lots, left = ledger_side.contracts, ledger_side.lots, ledger_side.of_positions
        adds_up = contracts > 0 and all(
            lots.get(s, 0) == left.get(s, 0) for s in symbols_of(position, legs)
        )
        if not adds_up:
            # It is not known what there is to close.
            return False
        closes = self._close_something(position, legs, contracts, expected)
        is_whole = len(legs) > 1 or legs == position.legs
        is_bought_back = legs[0].side == "sell" and not legs[0].is_shares
        # The broker cannot tell another position's contracts from this one's.
        is_shared = any(_is_shared(expected, position, leg) for leg in legs)
        says_that_it_closes = closes and (is_whole or is_bought_back)
        if says_that_it_closes and not is_shared:
            return True
        if self._may_be_closed_already(position, session):
            return False
        if says_that_it_closes:
            return True
        try:
            doubtful = self.in_doubt(position)
        except BrokerDoubtError:
            return False
        return not {leg.symbol(position.ticker) for leg in legs} & set(doubtful)

    def _may_be_closed_already(self, position: Position, session: date) -> bool:
        """Whether an exit in doubt may still close the position, or has closed it.

        Another exit would close it twice, and a broker that holds more of its contracts would not
        refuse that.
        """
        day = shift(session, 1)
        return any(
            keeps_from_trading(o, day) or self._may_have_closed(position, o)
            for o in self.execution.ledger.unsettled_orders()
            if o.purpose == "exit" and o.position_id == position.position_id
        )

    def _may_have_closed(self, position: Position, order: Order) -> bool:
        """Whether the broker's list lacks what a missing exit would have closed."""
        if order.status != "missing":
            return False
        try:
            return bool(symbols_of(position, order.legs) & set(self.in_doubt(position)))
        except BrokerDoubtError:
            return True

    def in_doubt(self, position: Position) -> tuple[str, ...]:
        """The contracts of a position that are missing in the broker's list, by symbol.

        Raises :class:`BrokerDoubtError` while the list cannot be read.
        """
        at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        return contracts_in_doubt(position, self.execution.ledger.statement().contracts, at_broker)


def symbols_of(position: Position, legs: tuple[OrderLeg, ...]) -> set[str]:
    """The symbols of some legs."""
    return {leg.symbol(position.ticker) for leg in legs}


def _is_shared(expected: Mapping[str, int], position: Position, leg: OrderLeg) -> bool:
    """Whether the account should hold more of a leg's contract than the position does."""
    held_by_position = sum(
        count
        for held_leg, count in position.held.items()
        if held_leg.symbol(position.ticker) == leg.symbol(position.ticker)
    )
    return abs(expected.get(leg.symbol(position.ticker), 0)) > held_by_position


def _covers(expected: int, leg: OrderLeg, contracts: int) -> bool:
    """Whether the account should hold enough of a leg's contract to close that many."""
    return expected * leg.signed_ratio > 0 and abs(expected) >= abs(leg.signed_ratio) * contracts
