"""Whether to exercise what covers the shares of an assignment, once two looks agree on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import (
    BrokerDoubtError,
    exercises_contracts,
    quotes_contracts,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.cover import uncovers
from options_platform.domain.trading.orders import OrderLeg, contracts_of
from options_platform.domain.trading.positions import Position
from options_platform.domain.valuation.exercise import (
    Sides,
    covers_of_shares,
    exercise_is_worth_more,
)
from options_platform.services.trading.closing.cover_left import change_by_exercise, cover_left
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.prices.live_quotes import fresh_quotes
from options_platform.settings import Settings

LOOKS = "exercise_looks"


@dataclass(frozen=True)
class Exercising:
    """Decides on exercises for one account; :mod:`.positions` makes the order."""

    execution: Execution
    settings: Settings

    def better(self, position: Position, session: date, spot: float | None) -> OrderLeg | None:
        """The leg whose exercise is worth more than its sale at `spot`, else None.

        A broker exercises all contracts of a symbol, so none may belong to another position, and no
        entry may buy some that has not ended. Neither the leg nor the shares may cover what another
        position has sold. There is one attempt a session: after a refusal, or
        without an answer, the leg is sold.
        """
        broker, ledger = self.execution.broker, self.execution.ledger
        if spot is None or not exercises_contracts(broker):
            return None
        leg = exercise_is_worth_more(position, spot, self._quotes(position), self.settings.intraday)
        if leg is None or any(
            o.purpose == "exercise"
            and o.position_id == position.position_id
            and o.status != "intent"
            for o in ledger.orders(session=session)
        ):
            return None
        symbol, expected = leg.symbol(position.ticker), ledger.statement().contracts
        if any(
            o.purpose == "entry" and contracts_of(o).get(symbol, 0) > 0
            for o in ledger.unsettled_orders()
        ):
            return None
        change = change_by_exercise(position.ticker, leg, leg.ratio)
        if uncovers(cover_left(ledger, position), change):
            return None
        with suppress(BrokerDoubtError):
            at_broker = {one.symbol: one.quantity for one in broker.holdings()}
            if expected.get(symbol, 0) == at_broker.get(symbol, 0) == leg.ratio:
                return leg
        return None

    def is_confirmed(self, position: Position, leg: OrderLeg | None, now: datetime) -> bool:
        """Whether an earlier look chose the same `leg`; a look that chooses none starts anew."""
        ledger = self.execution.ledger
        looks: dict[str, list[str]] = json.loads(ledger.kept(LOOKS) or "{}")
        earlier = looks.pop(position.position_id, None)
        if leg is None:
            if earlier is not None:
                ledger.keep(LOOKS, json.dumps(looks), now)
            return False
        symbol = leg.symbol(position.ticker)
        wait = timedelta(seconds=self.settings.intraday.confirm_seconds)
        if earlier is not None and earlier[0] == symbol:
            age = now - datetime.fromisoformat(earlier[1])
            if age >= wait:
                ledger.keep(LOOKS, json.dumps(looks), now)
                return True
            if timedelta(0) <= age < wait:
                return False
        ledger.keep(
            LOOKS, json.dumps({**looks, position.position_id: [symbol, now.isoformat()]}), now
        )
        return False

    def _quotes(self, position: Position) -> Mapping[str, Sides]:
        """Bid and ask of what covers the shares, USD a share; empty while the market is closed."""
        broker = self.execution.broker
        if not quotes_contracts(broker):
            return {}
        symbols = [leg.symbol(position.ticker) for leg in covers_of_shares(position)]
        age = self.settings.intraday.max_quote_age_seconds
        with suppress(BrokerDoubtError):
            clock = broker.clock()
            if clock is not None and clock.is_open:
                quotes = fresh_quotes(broker, symbols, clock.now, age)
                return {symbol: (quote.bid, quote.ask) for symbol, quote in quotes.items()}
        return {}


def exercises_in_doubt(ledger: Ledger) -> set[str]:
    """The positions for which one look has found an exercise worth more, and no second yet."""
    return set(json.loads(ledger.kept(LOOKS) or "{}"))
