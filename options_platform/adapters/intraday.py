"""The check of stops while a session trades, by the rules and the orders of the daily run.

1. The broker's clock says whether its market trades; else nothing is done.
2. Ledger and broker are brought together, and exits that work take their next rung.
3. Open positions are valued at the mid of the broker's quotes; one without fresh quotes, or whose
   quotes make it worth what it cannot be, is left to the daily run, and named.
4. Losses beyond their limits trip the kill switch, which cancels the entries that work.
5. What a stop closes, and a sold leg whose bought one is gone, gets its exit order, under the id
   that the daily run would have given it. An exit that works on its last rung, where the market
   cannot meet it, is canceled for the stop and, once that is final, sent again from the mid of
   then. Ledger and broker are compared once more.

It never sends an entry. Killed at any moment and done again, it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from options_platform.adapters.brokers.port import Quote, QuotesContracts
from options_platform.adapters.closing import (
    ASSIGNED,
    LEG_MISSING,
    LEGS_GONE,
    through_quotes,
)
from options_platform.adapters.desk import Desk
from options_platform.adapters.live_quotes import fresh_quotes, net_mid, worth
from options_platform.adapters.paper_trading import PaperTrading
from options_platform.domain.exits import STOPS
from options_platform.domain.positions import Position, mark_account
from options_platform.domain.repricing import deciding_session
from options_platform.errors import UsageError

AT_ONCE = (LEGS_GONE, LEG_MISSING, ASSIGNED)
"""The standing reasons that wait for no close."""


@dataclass(frozen=True)
class IntradayOutcome:
    """What one check found: positions valued, those without sound quotes, and stops by position.

    `halted` is why entries are halted after it, None if they are not.
    """

    checked: int
    unpriced: tuple[str, ...]
    stopped: Mapping[str, str]
    equity_usd: float
    halted: str | None


@dataclass(frozen=True)
class IntradayCheck:
    """The check of one account."""

    service: PaperTrading

    def run(self, now: datetime) -> IntradayOutcome:
        """One check.

        Raises :class:`UsageError` while the broker's market is closed and for a broker without
        quotes, :class:`BrokerError` if it gives no answer, :class:`LedgerError` if another
        process trades by the ledger and goes on doing so.
        """
        broker = self.service.broker
        if not isinstance(broker, QuotesContracts):
            raise UsageError(
                f"the broker {broker.name} fills at the close and quotes nothing before it; stops "
                "are the daily run's"
            )
        clock = broker.clock()
        if clock is None or not clock.is_open:
            raise UsageError(
                f"the market of {broker.name} is closed; stops are checked while it trades"
                + ("" if clock is None else f", next from {clock.next_open:%Y-%m-%d %H:%M}")
            )
        with self.service.trading():
            self.service.reconciler.run(now)
            desk = Desk(self.service)
            desk.step(now, ("exit",))
            held = self.service.ledger.positions(only_open=True)
            symbols = sorted({leg.symbol(p.ticker) for p in held for leg in p.legs})
            oldest = self.service.settings.intraday.max_quote_age_seconds
            quotes = fresh_quotes(broker, symbols, clock.now, oldest)
            return self._checked(desk, held, quotes, deciding_session(clock.now), now)

    def _checked(
        self,
        desk: Desk,
        held: Sequence[Position],
        quotes: Mapping[str, Quote],
        session: date,
        now: datetime,
    ) -> IntradayOutcome:
        service = self.service
        found = {p.position_id: worth(p.ticker, quotes, p.legs) for p in held}
        values = {number: value for number, value in found.items() if value is not None}
        equity = self._equity(values, session)
        service.trip([*service.ledger.equities_since_reset(), equity], now)
        if service.ledger.halted() is not None:
            service.cancel_entries(now)
        working = service.ledger.working_orders()
        leaving = {o.position_id: o for o in working if o.purpose == "exit"}
        standing = service.closing.standing_reasons(now)
        stopped: dict[str, str] = {}
        for position in held:
            number = position.position_id
            lost = standing.get(number)
            if lost in AT_ONCE and number not in leaving:
                price = through_quotes(position.ticker, quotes, None)
                if service.closing.close_position(position, session, lost, price, now):
                    stopped[number] = lost
                continue
            if number not in values:
                continue
            reason = service.closing.exit_due(position, session, values[number])
            if reason not in STOPS:
                continue
            order = leaving.get(number)
            if order is None:
                stopped[number] = reason
                at_mid = partial(net_mid, position.ticker, quotes)
                service.closing.close_position(position, session, reason, at_mid, now)
                continue
            fair = worth(order.ticker, quotes, order.legs)
            if fair is not None and desk.is_beyond(order, fair):
                stopped[number] = reason
                desk.overtake(order, reason, now)
        desk.send_again(now, ("exit",))
        service.reconciler.run(now)
        return IntradayOutcome(
            checked=len(values),
            unpriced=tuple(sorted(set(found) - set(values))),
            stopped=stopped,
            equity_usd=equity,
            halted=service.ledger.halted(),
        )

    def _equity(self, values: Mapping[str, float], session: date) -> float:
        """Equity now; a position without a value counts at its last mark. Nothing is recorded."""
        positions = [
            replace(p, mark_price=values.get(p.position_id, p.mark_price))
            for p in self.service.ledger.positions()
        ]
        return mark_account(session, self.service.start_usd, positions).equity_usd
