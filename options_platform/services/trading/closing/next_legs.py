"""Which legs of a position are closed next, and whether an order for them is safe to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.closing import in_doubt as contracts_in_doubt
from options_platform.domain.trading.closing import (
    next_to_close,
    what_the_broker_shows,
    without_cover,
)
from options_platform.domain.trading.cover import uncovers
from options_platform.domain.trading.orders import (
    OrderLeg,
)
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import keeps_from_trading
from options_platform.services.trading.execution import Execution


@dataclass(frozen=True)
class NextLegs:
    """Chooses what of a position is closed next, by the ledger and the broker's list."""

    execution: Execution

    def of(self, position: Position, session: date) -> tuple[tuple[OrderLeg, ...], int]:
        """The legs to close next, and how many spreads of them; no legs and 0 for nothing.

        Whole spreads, unless the broker has refused to close them or another position nets their
        contracts. Then, where a bought contract is missing in its list, the sold one is bought back
        alone: that leaves nothing uncovered. Where sold ones are missing, as many whole spreads are
        closed as the list shows.
        """
        legs, contracts = next_to_close(position)
        is_alone = position.open_contracts and legs != position.legs
        if is_alone and self._may_be_closed_already(position, session):
            # While the buy-back of a single contract is in doubt, whole spreads are closed.
            legs, contracts = position.legs, position.open_contracts
        is_refused = len(legs) > 1 and any(
            o.purpose == "exit"
            and o.position_id == position.position_id
            and o.status == "rejected"
            and len(o.legs) > 1
            for o in self.execution.ledger.orders(session=session)
        )
        expected = self.execution.ledger.statement().contracts
        is_netted = len(legs) > 1 and not all(
            _covers(expected.get(leg.symbol(position.ticker), 0), leg, contracts) for leg in legs
        )
        if not is_refused and not is_netted:
            return legs, contracts
        try:
            at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        except BrokerDoubtError:
            return legs, contracts
        missing = contracts_in_doubt(position, expected, at_broker)
        # Legs that another position nets do not say that they close: nobody would refuse them.
        if is_refused or without_cover(position, missing) is not None:
            return what_the_broker_shows(position, expected, at_broker)
        return legs, contracts

    def are_safe(
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
        change = {leg.symbol(position.ticker): -leg.signed_ratio * contracts for leg in legs}
        # A sold contract of another position, or of a person, may need them as cover.
        adds_up = not uncovers(ledger_side.to_be_covered, change) and all(
            lots.get(s, 0) == left.get(s, 0) for s in symbols_of(position, legs)
        )
        if not adds_up:
            # It is not known what there is to close.
            return False
        closes = all(_covers(expected.get(leg.symbol(position.ticker), 0), leg, contracts)
                     for leg in legs)  # fmt: skip
        is_whole = len(legs) > 1 or legs == position.legs
        # The broker cannot tell another position's contracts from this one's.
        is_shared = any(_is_shared(expected, position, leg) for leg in legs)
        if closes and is_whole and not is_shared:
            return True
        if self._may_be_closed_already(position, session):
            return False
        is_bought_back = legs[0].side == "sell" and not legs[0].is_shares
        if closes and (is_whole or is_bought_back):
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
            o.purpose == "exit"
            and o.position_id == position.position_id
            and keeps_from_trading(o, day)
            for o in self.execution.ledger.unsettled_orders()
        )

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
