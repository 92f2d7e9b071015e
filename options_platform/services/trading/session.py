"""Trading, session by session: settle, reconcile, close, mark, then open.

1. Orders that worked in a session are settled at its close, for each session since the last run;
   what its night has assigned is closed in it.
2. Ledger and broker are compared; while they differ, nothing new is opened.
3. Positions that an exit rule closes get their exit order, which works in the next session.
4. Positions and account are marked; losses beyond their limits trip the kill switch.
5. The session's planned trades are checked against the account's limits and sent, for the next
   session; ledger and broker are compared once more.

Running a session again has no further effect. How an order is sent is the subject of
:mod:`options_platform.services.trading.execution`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import polars as pl

from options_platform.adapters.ports.broker import (
    Broker,
    Quote,
    WorksAtClose,
    digest_of,
    verifies_account,
    works_at_close,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.earnings.trade_exits import REPORT_EXITS
from options_platform.domain.risk import after_closes, reason_of
from options_platform.domain.trading.broken_spreads import comparable, judged_legs
from options_platform.domain.trading.exposures import DatedClose, newest_closes, planned_exposures
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.order_basis import order_bases
from options_platform.domain.trading.orders import WORKING, Order
from options_platform.domain.trading.reducer import Event
from options_platform.errors import BrokerError, PlanChangedError
from options_platform.services.planning.plan_tables import Market
from options_platform.services.trading.closing.positions import Closing, is_leaving
from options_platform.services.trading.closing.reasons import ASSIGNED, LEG_MISSING, LEGS_GONE
from options_platform.services.trading.entries.entries import Entries
from options_platform.services.trading.entries.sizes import EntrySizes, SizedEntry
from options_platform.services.trading.execution import Execution, Step, no_step
from options_platform.services.trading.marks import mark_at_close
from options_platform.services.trading.pauses import entries_stopped, lift_at_close
from options_platform.services.trading.reconciliation.ex_dates import keep_ex_dates
from options_platform.services.trading.reconciliation.reconcile import Reconciler
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.settings import Settings

UNCOVERED = (LEGS_GONE, LEG_MISSING)
"""The reasons of sold contracts that have lost their cover, or may have."""

MOST_PARTS = 8
"""More than a spread has parts that are closed one after the other."""


@dataclass(frozen=True)
class TradingSession:
    """The trading of one account.

    `at` is called at each step of sending, for tests that crash there. `closes` are the newest
    closes by ticker; `folds` is by ticker the month that its model was trained to predict, None
    without models. `reports` knows the earnings reports ahead; without it no blackout is kept.
    """

    ledger: Ledger
    broker: Broker
    settings: Settings
    at: Step = no_step
    closes: Mapping[str, DatedClose] = field(default_factory=dict)
    folds: Mapping[str, str] | None = None
    reports: ReportsAhead | None = None

    @cached_property
    def execution(self) -> Execution:
        """Carries out orders at the broker."""
        return Execution(self.ledger, self.broker, self.at)

    @cached_property
    def reconciler(self) -> Reconciler:
        """Compares ledger and broker."""
        return Reconciler(self.execution, self.settings.reconcile)

    @cached_property
    def closing(self) -> Closing:
        """Closes positions."""
        return Closing(self.execution, self.reconciler, self.settings, self.reports)

    @property
    def entries(self) -> Entries:
        """Sends entries."""
        return Entries(
            self.execution, self.reconciler, self.settings, self.closes, reports=self.reports
        )

    @property
    def start_usd(self) -> float:
        """What the account began with, USD: the setting of its first session."""
        began = self.ledger.start_usd()
        return self.settings.account_value_usd if began is None else began

    def run_session(
        self,
        session: date,
        plans: pl.DataFrame,
        legs: pl.DataFrame,
        market: Market,
        now: datetime,
        alternates: pl.DataFrame | None = None,
    ) -> None:
        """Do everything that the close of `session` asks for; repeating it has no further effect.

        `plans` and `legs` are the rows of `trade_plan` and `trade_plan_legs` of the newest session,
        `market` the closes by session and ticker from the last run's session to this one, `now` the
        time of the records. `alternates` are rows of `plan_alternates`, whose legs are among
        `legs`: what an entry takes where another rule set is on the other side of its contracts.
        Raises :class:`LedgerError` if another process trades by the same
        ledger, and :class:`PlanChangedError`, once all else is done, if a plan is not the recorded
        one.
        """
        changed: list[PlanChangedError] = []
        with self.exclusively(), self._broker_held():
            last = self.ledger.last_marked()
            days = sessions(last, session) if last else [session]
            keep_ex_dates(self.ledger, market, days, now)
            for day in days:
                closes = market.get(day, {})
                # A mark is of its close: what has filled since is no part of it.
                is_new = last is None or day > last
                if is_new and works_at_close(self.broker):
                    self._trade_at_close(self.broker, day, closes, now)
                if is_new:
                    for order in self._orders_to_settle():
                        self.execution.carry_out(order, Event.LOOK, now, day)
                    self.reconciler.take_activities(now, day)
                if day == session:
                    self.reconciler.run(now, session)
                    self._send_exits(day, closes, now)
                if is_new:
                    chain = self.settings.plan.chain
                    mark_at_close(self.ledger, day, closes, self.start_usd, chain)
                # Also after a run that marked the session and then was interrupted.
                self.trip(self.ledger.equities_since_reset(), now)
                lift_at_close(self.ledger, day, now)
            entries, planned = self._planned_entries(session, plans, legs, market, alternates)
            for candidates in planned:
                entry = entries.first_unopposed(candidates)
                try:
                    entries.send(entry.order, now, entry.refusals, entry.needs)
                except PlanChangedError as error:
                    changed.append(error)
            if entries_stopped(self.ledger) is not None:
                # An entry that was being sent when the halt came had passed its check.
                entries.cancel_all(now)
            if not works_at_close(self.broker):
                self.reconciler.run(now, session)
            if changed:
                raise changed[0]

    def reconcile(self, now: datetime) -> list[str]:
        """Record what the broker shows of working orders; what still differs, in sentences."""
        with self.exclusively():
            return [difference.text for difference in self.reconciler.run(now)]

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Be the only process that trades by the ledger, at the account that it belongs to.

        Raises :class:`LedgerError` if another process trades, or the keys are another account's.
        """
        with self.ledger.trading():
            self._verify_account()
            yield

    def _verify_account(self) -> None:
        """See whose account it is; while its page fails, the same keys as before may go on closing.

        Raises :class:`LedgerError` if the keys are another account's.
        """
        broker, ledger = self.broker, self.ledger
        account = ledger.account_digest()
        if verifies_account(broker) and account is not None:
            verified = ledger.verified_keys()
            if verified is not None and verified == broker.keys_digest(account):
                broker.close_unseen(account)
        # An account that may not trade is refused once something is sent.
        with suppress(BrokerError):
            account_number = broker.account().number
            ledger.require_account(account_number)
            if verifies_account(broker):
                ledger.record_verified_keys(broker.keys_digest(digest_of(account_number)))

    def trip(self, equities_usd: Sequence[float], now: datetime) -> None:
        """Halt until a person resumes, once losses have passed their limits."""
        switch = after_closes(equities_usd, self.settings.risk.kill_switch)
        if switch is not None and switch.tripped is not None and self.ledger.halted() is None:
            self.ledger.halt(reason_of(switch.tripped), now)
            self.execution.cancel_afresh()

    def _broker_held(self) -> AbstractContextManager[object]:
        return self.broker.holding() if works_at_close(self.broker) else nullcontext()

    def _trade_at_close(
        self, broker: WorksAtClose, day: date, closes: Mapping[str, MarketClose], now: datetime
    ) -> None:
        """Let the broker work a session; what was assigned in the night before is closed in it.

        As in a market that trades all day, the shares go first, and then what covered them.
        """
        in_the_night = broker.open_session(day, closes)
        if in_the_night:
            # What works in this session has not ended yet.
            self._settle(now, shift(day, -1))
            assigned = self._to_close_at_once(now, day, in_the_night)
            for _ in range(MOST_PARTS):
                if not self._close_at_once(assigned, day, closes, now):
                    break
                broker.work(day, closes)
                self._settle(now, day)
        broker.work(day, closes)

    def _settle(self, now: datetime, day: date) -> None:
        """Record what became of the orders, and what the clearing house did, before the close."""
        for order in self._orders_to_settle():
            self.execution.carry_out(order, Event.LOOK, now, day)
        self.reconciler.take_activities(now, day)

    def _to_close_at_once(
        self, now: datetime, day: date, in_the_night: AbstractSet[str]
    ) -> set[str]:
        """The positions that an assignment has left to be closed, whatever they are worth.

        An earlier run may have died after it worked the session: what expired in it comes after
        its close, and is closed in the next one. `in_the_night` are the contracts (symbols) that
        were assigned in the night before.
        """
        reasons = self.closing.reasons.standing_reasons(now)
        deliveries = [each for each in self.ledger.deliveries() if each.on >= day]
        before_open = {each.position_id for each in deliveries if each.symbol in in_the_night}
        after_close = {each.position_id for each in deliveries if each.held_from > day}
        after_close -= before_open
        return {
            name
            for name, reason in reasons.items()
            if reason in (ASSIGNED, *UNCOVERED) and name not in after_close
        }

    def _close_at_once(
        self,
        assigned: AbstractSet[str],
        day: date,
        closes: Mapping[str, MarketClose],
        now: datetime,
    ) -> bool:
        """Send what is closed next of assigned positions; whether any of it works in the session.

        An earlier run may have died before it sent an exit, or before the session worked it.
        """
        before_open = shift(day, -1)
        leaving = self._send_exits_again(before_open, now)
        reasons = self.closing.reasons.standing_reasons(now)
        works = any(
            order.position_id in assigned & leaving and order.session == before_open
            for order in self.ledger.working_orders()
            if order.purpose == "exit"
        )
        for position in self.ledger.positions(only_open=True):
            name, close = position.position_id, closes.get(position.ticker)
            if name not in assigned - leaving or name not in reasons or close is None:
                continue
            price = self.closing.at_close(day, close)
            # Decided before the market opened, so that it works in this session.
            order = self.closing.close_position(position, before_open, reasons[name], price, now)
            works = works or order is not None
        return works

    def _orders_to_settle(self) -> list[Order]:
        """The orders that worked in a session; a requested exercise cannot be looked up."""
        return [
            order
            for order in self.ledger.working_orders()
            if order.purpose != "exercise" or order.status == "intent"
        ]

    def _send_exits(self, session: date, closes: Mapping[str, MarketClose], now: datetime) -> None:
        leaving = self._send_exits_again(session, now)
        standing = self.closing.reasons.standing_reasons(now)
        for position in self.ledger.positions(only_open=True):
            close = closes.get(position.ticker)
            if position.opened_on > session or position.position_id in leaving:
                continue
            price = None if close is None else self.closing.at_close(session, close)
            legs = judged_legs(position) or position.legs
            at_close = None if price is None else price(legs)
            value = position.mark_price if at_close is None else comparable(position, at_close)
            due = self.closing.reasons.exit_due(position, session, value, close)
            if at_close is None and due not in ("EXPIRY_NEAR", *REPORT_EXITS):
                # Without a price only the calendar closes a position, and a report that is out.
                due = None
            reason = standing.get(position.position_id, due)
            if reason is not None:
                # A short without cover is bought back at the next open, without climbing a ladder.
                at_once: Mapping[str, Quote] | None = {} if reason in UNCOVERED else None
                self.closing.close_position(
                    position, session, reason, price, now, at_once_by=at_once
                )

    def _send_exits_again(self, session: date, now: datetime) -> set[str]:
        """Send again the exits that an earlier run of this session recorded and the broker lacks.

        Returns the positions that a working order closes; a position whose exit was withdrawn
        instead has still to be closed.
        """
        leaving = set()
        for order in self.ledger.working_orders():
            if is_leaving(order):
                is_unsent = order.session == session and order.status in ("intent", "unknown")
                is_exit = order.purpose == "exit"
                after = self.closing.send_again(order, now) if is_unsent and is_exit else order
                if after.status in WORKING and is_leaving(after):
                    leaving.add(order.position_id)
        return leaving

    def _planned_entries(
        self,
        session: date,
        plans: pl.DataFrame,
        legs: pl.DataFrame,
        market: Market,
        alternates: pl.DataFrame | None,
    ) -> tuple[Entries, list[list[SizedEntry]]]:
        """The entries that the plans ask for, in the sizes that the account takes.

        Each is followed by what may take its place. Only plans of the rule sets that trade are
        sent, in the order of the sets: what a set with a larger share of the account takes of a
        limit is not there for the next.
        """
        planned = plans.filter((pl.col("date") == session) & (pl.col("decision") == "trade"))
        trades = pl.concat(
            planned.filter(pl.col("rule_set") == name).sort("ticker")
            for name in self.settings.traded_sets
        )
        if alternates is not None:
            others = alternates.filter(pl.col("of_plan").is_in(trades["plan_id"].implode())).sort(
                "alternate"
            )
            trades = pl.concat([trades, others.select(trades.columns)])
        sizes = EntrySizes(self.ledger, self.broker, self.settings)
        sized = sizes.sized(trades, legs)
        closes = newest_closes(market, session)
        entries = replace(
            self.entries,
            closes=closes,
            planned=planned_exposures(sized),
            bases=order_bases(sized, legs, closes, session, self.folds),
        )
        candidates: dict[str, list[SizedEntry]] = {}
        for entry in sizes.orders(trades, sized, legs):
            candidates.setdefault(entry.order.client_order_id, []).append(entry)
        return entries, list(candidates.values())
