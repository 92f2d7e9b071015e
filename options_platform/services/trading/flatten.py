"""Closing everything at once: halt, cancel what rests, then close each position.

While the broker's market trades, a position is priced at the far side of its quotes, where an order
fills at once; where the quotes are wide, no worse than the model at the present spot allows. Else
it is priced at the last rung of the ladder that begins at the newest close.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.domain.trading.closing import legs_text
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reducer import Event
from options_platform.services.trading.closing.positions import is_leaving
from options_platform.services.trading.closing.reasons import FLATTEN
from options_platform.services.trading.order_worker import session_to_decide
from options_platform.services.trading.prices.live_quotes import PresentMarket, present_market
from options_platform.services.trading.session import TradingSession
from options_platform.services.trading.unrecorded import cancel_unrecorded

NOT_CLOSING = ("intent", "unknown", "missing", "rejected", "expired", "not_sent")
# Whole spreads take an order, and then each loose leg one.
MOST_PASSES = 5


@dataclass(frozen=True)
class Flattening:
    """Closes the positions of one account; `closes` are the newest known, by ticker.

    A position without a quote or a close is priced at its last mark.
    """

    trading: TradingSession
    closes: Mapping[str, MarketClose]
    reason: str = FLATTEN
    pause: Callable[[float], None] = time.sleep

    def run(self, now: datetime) -> list[str]:
        """Close everything; sentences on what could not be closed. Run again, it continues."""
        ledger = self.trading.ledger
        # First of all: a process that trades now sends no new entry.
        ledger.halt(self.reason, now)
        with self.trading.exclusively():
            self.trading.execution.cancel_afresh()
            self.trading.reconciler.run(now)
            problems = self._cancel(now)
            refused: dict[str, Order] = {}
            unconfirmed: dict[str, float] = {}
            for _ in range(MOST_PASSES):
                self.trading.reconciler.run(now)
                waiting = [p for p in self._not_leaving() if p.position_id not in refused]
                if not waiting:
                    break
                trading = self.trading
                market = present_market(
                    trading.broker,
                    trading.settings,
                    self.closes,
                    waiting,
                    ledger,
                    pause=self.pause,
                )
                unconfirmed |= market.unconfirmed
                refused_now: dict[str, Order] = {}
                for position in waiting:
                    sent = self._close(position, market, now)
                    if sent is not None and sent.status in NOT_CLOSING:
                        refused_now[position.position_id] = sent
                # A position that waited for the other side of its contract may close next.
                is_progress = len(refused_now) < len(waiting)
                refused = refused_now if is_progress else refused | refused_now
            self.trading.reconciler.run(now)
            problems += [_not_sent(order) for order in refused.values()]
            problems += [
                f"{ticker} was last traded at {spot:.2f}, far from its last close, and no second "
                "trade has shown that; the orders begin at the close's price: look at them, and in "
                "a minute again: options-platform flatten"
                for ticker, spot in unconfirmed.items()
            ]
            problems += [d.text for d in ledger.differences() if d.code == "LOTS"]
            return problems + [
                f"{p.position_id}: {p.open_contracts} spreads are open ({legs_text(p)}), "
                "and nothing closes them"
                for p in self._not_leaving()
                if p.position_id not in refused
            ]

    def _cancel(self, now: datetime) -> list[str]:
        """Cancel what rests at the broker; an exit in doubt is looked up or sent again first.

        One that stays in doubt is not withdrawn: it closes its position for this flatten, sent
        again under its id until the broker answers, and follows the market from then on.
        """
        problems = []
        ledger = self.trading.ledger
        execution, closing = self.trading.execution, self.trading.closing
        for order in ledger.working_orders():
            if order.purpose == "exercise":
                continue
            if order.purpose == "exit" and order.status == "unknown":
                execution.carry_out(order, Event.LOOK, now)
                if execution.as_recorded(order).status == "unknown":
                    lost = closing.send_again(order, now, self.reason)
                    if lost.status == "unknown" and is_leaving(lost):
                        problems.append(
                            f"{order.client_order_id} is unknown: it is sent again, under its id, "
                            "with each step of work"
                        )
                        continue
            after = execution.carry_out(order, Event.UNWANTED, now)
            if not after.is_final:
                problems.append(f"{order.client_order_id} is {after.status}: not canceled yet")
        try:
            problems += cancel_unrecorded(ledger, self.trading.broker, ("entry", "exit"))
        except BrokerDoubtError as doubt:
            problems.append(f"the broker's orders cannot be listed: {doubt}")
        return problems

    def _not_leaving(self) -> list[Position]:
        """Open positions without a working exit."""
        ledger = self.trading.ledger
        leaving = {o.position_id for o in ledger.working_orders() if is_leaving(o)}
        return [p for p in ledger.positions(only_open=True) if p.position_id not in leaving]

    def _close(self, position: Position, market: PresentMarket, now: datetime) -> Order | None:
        session = session_to_decide(self.trading, now)
        close = self.closes.get(position.ticker)
        at_close = None if close is None else self.trading.closing.at_close(session, close)
        return self.trading.closing.close_position(
            position,
            session,
            self.reason,
            market.at_once(position.ticker, at_close),
            now,
            at_once_by=market.sure_quotes(position.ticker, _options_of(position)),
        )


def _not_sent(order: Order) -> str:
    """Why an exit closes nothing now; an intent waits for an order on its other side to leave."""
    if order.status == "intent":
        return f"{order.client_order_id} is not sent yet; send it: options-platform work"
    return f"{order.client_order_id} is {order.status}: {order.reason}"


def _options_of(position: Position) -> tuple[OrderLeg, ...]:
    """The option legs that are closed next: those of whole spreads, else the loose ones."""
    legs = position.legs if position.open_contracts else position.loose
    return tuple(leg for leg in legs if not leg.is_shares)
