"""The check of stops while a session trades, by the rules and the orders of the daily run.

1. The check runs only while the broker's market trades, by the broker's clock.
2. Ledger and broker are reconciled, and working exits take their next rung.
3. Open positions are valued by the broker's quotes, and by the model at the present spot where the
   quotes are wide or missing, or have been for too long; see
   :mod:`options_platform.domain.valuation.stop_evidence`. What a look shows is kept in the ledger:
   a stop needs a second look, or the underlying, to confirm it.
4. Losses beyond their limits pause entries and cancel those that work; a later look that confirms
   them trips the kill switch, and one that no longer shows them lifts the pause.
5. A position that is stopped, or has a sold leg without its cover, gets an exit order, under the id
   that the daily run would have given it. An exit on its last rung that the market cannot meet is
   canceled for the stop and, once that is final, sent again at the price of that moment. Ledger and
   broker are compared once more.

It never sends an entry. Killed at any moment and run again, it continues where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from options_platform.adapters.ports.broker import quotes_contracts
from options_platform.domain.earnings.trade_exits import FOR_REPORT
from options_platform.domain.risk import after_look, reason_of
from options_platform.domain.trading.broken_spreads import comparable, is_judged_whole, judged_legs
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import SHARES
from options_platform.domain.trading.positions import Position, mark_account
from options_platform.domain.trading.repricing import deciding_session
from options_platform.domain.valuation import Evidence, Look, judge
from options_platform.errors import UsageError
from options_platform.services.trading.closing.exercises import exercises_in_doubt
from options_platform.services.trading.closing.positions import is_leaving
from options_platform.services.trading.closing.reasons import ASSIGNED, LEG_MISSING, LEGS_GONE
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.pauses import (
    Pause,
    entries_stopped,
    lift_pause,
    pause,
    pause_of,
)
from options_platform.services.trading.prices.live_quotes import (
    PresentMarket,
    Pricing,
    present_market,
)
from options_platform.services.trading.session import TradingSession
from options_platform.services.trading.stop_look_store import keep_looks, looks_of
from options_platform.settings.broker_rules import IntradayRules

SHORTEST_WAIT_SECONDS = 1.0
UNSENT = "beyond its stop, and nothing can be sent: what ledger and broker say differs"
AT_ONCE = (LEGS_GONE, LEG_MISSING, ASSIGNED)
"""The standing reasons that do not wait for a close."""


@dataclass(frozen=True)
class IntradayOutcome:
    """The outcome of one check.

    `checked` positions were valued by quotes, `unpriced` (ids) have no sound ones; `stopped` are
    the reasons of stops, `doubts` what is in doubt, both by position_id; `by_model` are positions
    whose quotes have been unsure for so long that the model decides. `paused` and `halted` say why
    entries are, None if they are not. After `look_again_seconds` another look may settle a doubt,
    None without one.
    """

    checked: int
    unpriced: tuple[str, ...]
    stopped: Mapping[str, str]
    equity_usd: float
    halted: str | None
    paused: str | None
    doubts: Mapping[str, str]
    by_model: tuple[str, ...]
    look_again_seconds: float | None


@dataclass(frozen=True)
class IntradayCheck:
    """The check of one account; the model starts from the closes of `trading`."""

    trading: TradingSession

    def watch(
        self, clock: Callable[[], datetime], sleep: Callable[[float], None] = time.sleep
    ) -> IntradayOutcome:
        """Check again and again until nothing is in doubt; the last outcome, with all stops.

        A doubt is settled within `wide_seconds`; between two checks others may trade by the ledger.
        Ends with the market at the latest. The first check raises as :meth:`run` does.
        """
        rules = self.trading.settings.intraday
        outcome = self.run(clock())
        waited = 0.0
        while outcome.look_again_seconds is not None and waited <= rules.wide_seconds:
            waited += outcome.look_again_seconds
            sleep(outcome.look_again_seconds)
            try:
                later = self.run(clock())
            except UsageError:
                break
            outcome = replace(later, stopped={**outcome.stopped, **later.stopped})
        return outcome

    def run(self, now: datetime) -> IntradayOutcome:
        """One check.

        Raises :class:`UsageError` while the broker's market is closed and for a broker without
        quotes, :class:`BrokerError` if it gives no answer but for its quotes, and
        :class:`LedgerError` if another process trades by the ledger and goes on doing so.
        """
        broker_time = self._open_now()
        with self.trading.exclusively():
            self.trading.reconciler.run(now)
            worker = OrderWorker(self.trading)
            worker.step(now, ("exit",), follows_market=False)
            positions = self.trading.ledger.positions(only_open=True)
            trading = self.trading
            market = present_market(
                trading.broker, trading.settings, trading.closes, positions, trading.ledger
            )
            evidence = self._judged(positions, market, broker_time, now)
            equity = self._judge_losses(evidence, broker_time, now)
            stopped = self._close(
                worker, positions, market, evidence, deciding_session(broker_time), now
            )
            worker.send_again(now, ("exit",))
            self.trading.reconciler.run(now)
            return self._outcome(positions, market, evidence, equity, stopped, broker_time)

    def _open_now(self) -> datetime:
        """The broker's time while its market trades, else :class:`UsageError`."""
        broker = self.trading.broker
        if not quotes_contracts(broker):
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
        return clock.now

    def _judged(
        self,
        positions: Sequence[Position],
        market: PresentMarket,
        broker_time: datetime,
        now: datetime,
    ) -> dict[str, Evidence]:
        """The evidence on each position now, which is kept for the next look."""
        ledger, session = self.trading.ledger, deciding_session(broker_time)
        before = looks_of(ledger, market.day)
        evidence = {}
        for position in positions:
            legs = judged_legs(position)
            if not legs:
                continue

            def is_stop(value: float, position: Position = position) -> bool:
                due = self.trading.closing.reasons.exit_due(
                    position, session, comparable(position, value)
                )
                return due == "STOP_LOSS"

            evidence[position.position_id] = judge(
                before.get(position.position_id, Look()),
                broker_time,
                market.quoted(position.ticker, legs),
                market.modelled(position.ticker, legs),
                is_stop,
                self.trading.settings.intraday,
                are_old=market.are_old(position.ticker, legs),
            )
        keep_looks(ledger, market.day, evidence, now)
        return evidence

    def _judge_losses(self, evidence: Mapping[str, Evidence], at: datetime, now: datetime) -> float:
        """Pause or halt entries for present losses, or lift a pause; equity at the mids, USD."""
        trading, ledger = self.trading, self.trading.ledger
        session = deciding_session(at)
        equity = self._equity({p: each.value for p, each in evidence.items()}, session)
        sure = self._equity({p: each.sure for p, each in evidence.items()}, session)
        if ledger.halted() is None:
            paused = pause_of(ledger)
            decision = after_look(
                ledger.equities_since_reset(),
                equity,
                sure,
                None if paused is None else paused.since,
                at,
                trading.settings.intraday.confirm_seconds,
                trading.settings.risk.kill_switch,
            )
            if decision.step == "lift":
                lift_pause(ledger, "a later look shows no loss beyond a limit", now)
            elif decision.lost is not None and decision.step == "pause":
                pause(ledger, Pause(reason_of(decision.lost), at), now)
            elif decision.lost is not None and decision.step == "halt":
                ledger.halt(reason_of(decision.lost), now)
                trading.execution.cancel_afresh()
                lift_pause(ledger, "halted", now)
        if entries_stopped(ledger) is not None:
            trading.entries.cancel_all(now)
        return equity

    def _close(
        self,
        worker: OrderWorker,
        positions: Sequence[Position],
        market: PresentMarket,
        evidence: Mapping[str, Evidence],
        session: date,
        now: datetime,
    ) -> dict[str, str]:
        """Send exits, or overtake those that the market cannot meet; reasons by position_id."""
        closing = self.trading.closing
        working = self.trading.ledger.working_orders()
        leaving = {o.position_id: o for o in working if is_leaving(o)}
        standing = closing.reasons.standing_reasons(now)
        stopped: dict[str, str] = {}
        for position in positions:
            position_id, order = position.position_id, leaving.get(position.position_id)
            otherwise = self._at_close(position)
            standing_reason = standing.get(position_id)
            if standing_reason in AT_ONCE and order is None:
                price = market.at_once(position.ticker, otherwise)
                if closing.close_position(position, session, standing_reason, price, now):
                    stopped[position_id] = standing_reason
                continue
            reason = standing_reason if standing_reason in AT_ONCE else None
            if reason is None and position_id in evidence:
                close = self._close_at_spot(position, session, market)
                reason = self._stop_due(position, session, evidence[position_id], close)
            if reason is None:
                continue
            if order is None:
                price = market.from_first(position.ticker, otherwise)
                if closing.close_position(position, session, reason, price, now):
                    stopped[position_id] = reason
                continue
            fair = market.fair(order.ticker, order.legs)
            if fair is not None and worker.is_beyond(order, fair):
                stopped[position_id] = reason
                worker.overtake(order, reason, now)
        return stopped

    def _close_at_spot(
        self, position: Position, session: date, market: PresentMarket
    ) -> MarketClose | None:
        """The deciding session's close, which knows the next dividend, with the spot of now.

        None unless both are known, and quotes price the position: one print alone closes nothing.
        """
        newest, spot = self.trading.closes.get(position.ticker), market.spots.get(position.ticker)
        if newest is None or newest.session != session or spot is None:
            return None
        if market.quoted(position.ticker, judged_legs(position)) is None:
            return None
        return replace(newest.close, spot=spot)

    def _stop_due(
        self, position: Position, session: date, evidence: Evidence, close: MarketClose | None
    ) -> str | None:
        """What closes a position now; an expiry, a report or an ex-date needs no quote."""
        due = self.trading.closing.reasons.exit_due(position, session, position.mark_price, close)
        if evidence.is_stopped and due != "EXPIRY_NEAR":
            return "STOP_LOSS"
        return due if due in ("EXPIRY_NEAR", "EX_DIVIDEND", *FOR_REPORT) else None

    def _at_close(self, position: Position) -> Pricing | None:
        newest = self.trading.closes.get(position.ticker)
        if newest is None:
            return None
        return self.trading.closing.at_close(newest.session, newest.close)

    def _equity(self, values: Mapping[str, float | None], session: date) -> float:
        """Equity now, USD, unrecorded; a position without a value counts at its last mark."""
        positions = []
        for position in self.trading.ledger.positions():
            value = values.get(position.position_id)
            if value is None:
                positions.append(position)
            elif is_judged_whole(position):
                loose = (value - position.mark_price * position.open_contracts) * SHARES
                positions.append(replace(position, loose_value_usd=loose))
            else:
                positions.append(replace(position, mark_price=value))
        return mark_account(session, self.trading.start_usd, positions).equity_usd

    def _outcome(
        self,
        positions: Sequence[Position],
        market: PresentMarket,
        evidence: Mapping[str, Evidence],
        equity_usd: float,
        stopped: Mapping[str, str],
        at: datetime,
    ) -> IntradayOutcome:
        ledger = self.trading.ledger
        paused = pause_of(ledger)
        unsent = {n for n, each in evidence.items() if each.is_stopped and n not in stopped}
        working = {o.position_id for o in ledger.working_orders() if is_leaving(o)}
        doubts = {n: each.look for n, each in evidence.items() if not each.is_stopped}
        by_model = sorted(n for n, each in evidence.items() if each.by_model)
        rules = self.trading.settings.intraday
        waits = [_wait(look, at, rules) for n, look in doubts.items() if n not in by_model]
        waits += [] if paused is None else [rules.confirm_seconds]
        unpriced = [
            p.position_id
            for p in positions
            if (legs := judged_legs(p)) and market.quoted(p.ticker, legs) is None
        ]
        waits += [
            rules.confirm_seconds for p in positions if p.position_id in exercises_in_doubt(ledger)
        ]
        return IntradayOutcome(
            checked=len(positions) - len(unpriced),
            unpriced=tuple(sorted(unpriced)),
            stopped=stopped,
            equity_usd=equity_usd,
            halted=ledger.halted(),
            paused=None if paused is None else paused.reason,
            doubts={n: said for n, look in doubts.items() if (said := _doubt(look)) is not None}
            | dict.fromkeys(sorted(unsent - working), UNSENT),
            by_model=tuple(by_model),
            look_again_seconds=min(
                (max(SHORTEST_WAIT_SECONDS, wait) for wait in waits if wait is not None),
                default=None,
            ),
        )


def _wait(look: Look, at: datetime, rules: IntradayRules) -> float | None:
    """After how many seconds another look may settle a doubt; None without one."""
    waits = []
    if look.unsure_since is not None:
        lasted = (at - look.unsure_since).total_seconds()
        waits += [rules.confirm_seconds, rules.wide_seconds - lasted]
    elif look.beyond_since is not None:
        waits.append(rules.confirm_seconds - (at - look.beyond_since).total_seconds())
    return min(waits, default=None)


def _doubt(look: Look) -> str | None:
    """What is in doubt of a position, for a person; None if nothing is."""
    if look.unsure_since is not None:
        return f"its quotes are wide or missing since {look.unsure_since:%H:%M:%S %Z}"
    if look.beyond_since is not None:
        return f"beyond its stop since {look.beyond_since:%H:%M:%S %Z}; a second look decides"
    return None
