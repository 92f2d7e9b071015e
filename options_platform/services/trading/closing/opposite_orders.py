"""Orders on the other side of an exit's contracts: brokers refuse the exit while one works."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.domain.trading.netting import (
    NETTING_CONFLICT,
    opposed,
    sides_of,
    was_opposed,
)
from options_platform.domain.trading.orders import RESTING, Order, closing, contracts_of
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reducer import Event
from options_platform.services.trading.execution import Execution

LOOKS = 3
LOOK_SECONDS = 0.5
"""How often, and how long apart, a cancel is looked up that an exit waits for."""


@dataclass(frozen=True)
class OppositeOrders:
    """Makes room for the exits of one account, and says while there is none yet."""

    execution: Execution

    def withdraw(self, position: Position, now: datetime) -> None:
        """Cancel entries that trade what closing the position trades, on the other side.

        The account would trade with itself, which brokers refuse.
        """
        ledger = self.execution.ledger
        exits = sides_of(position.ticker, closing(tuple(position.held)))
        for order in ledger.working_orders():
            if order.purpose != "entry" or order.withdrawn:
                continue
            if not opposed(sides_of(order.ticker, order.legs), [exits]):
                continue
            if order.status == "intent":
                withdrawn = order.to("not_sent", reason=NETTING_CONFLICT)
                ledger.record(withdrawn, now, detail=NETTING_CONFLICT)
                continue
            wanted = replace(order, reason=NETTING_CONFLICT, withdrawn=True)
            ledger.record(wanted, now, detail=NETTING_CONFLICT)
            self.execution.carry_out(wanted, Event.UNWANTED, now)

    def still_work(self, order: Order, now: datetime) -> bool:
        """Whether something rests on the other side of an exit, so that the exit has to wait.

        An entry that the broker shows at work is looked up a few times, since its cancel may be
        pending. What else the account has there, such as a person's order, is asked for only once
        the broker has refused an exit for it.
        """
        looks = 0
        while entries := self._entries_at_work(order):
            if looks == LOOKS:
                return True
            if looks:
                time.sleep(LOOK_SECONDS)
            for entry in entries:
                self.execution.carry_out(entry, Event.UNWANTED, now)
            looks += 1
        return self._was_opposed(order) and self._is_opposed_at_broker(order)

    def _entries_at_work(self, order: Order) -> list[Order]:
        """Entries against an exit that the broker shows at work.

        By its own answer: an exit is not put off for what the ledger cannot take from one.
        """
        sides = _sides(contracts_of(order))
        return [
            o
            for o in self.execution.ledger.working_orders()
            if o.purpose == "entry"
            and o.status in RESTING
            and opposed(sides, [_sides(contracts_of(o))])
            and self._rests(o)
        ]

    def _rests(self, entry: Order) -> bool:
        try:
            report = self.execution.broker.find(entry.client_order_id)
        except BrokerDoubtError:
            return False
        return report is not None and report.status in RESTING

    def _was_opposed(self, order: Order) -> bool:
        return any(
            o.position_id == order.position_id and was_opposed(o)
            for o in self.execution.ledger.orders(session=order.session)
        )

    def _is_opposed_at_broker(self, order: Order) -> bool:
        sides = _sides(contracts_of(order))
        try:
            working = self.execution.broker.working()
        except BrokerDoubtError:
            return True
        return bool(opposed(sides, [_sides(each.contracts or {}) for each in working]))


def _sides(contracts: Mapping[str, int]) -> dict[str, int]:
    return {symbol: 1 if count > 0 else -1 for symbol, count in contracts.items() if count}
