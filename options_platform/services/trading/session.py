"""Trading, session by session: settle, reconcile, close, mark, then open.

1. The orders that work in the session are settled at its close, for each session since the last.
2. Ledger and broker are compared; while they differ, nothing new is opened.
3. Positions that an exit rule closes get their exit order, for the next session.
4. Positions and account are marked; losses beyond their limits trip the kill switch.
5. The session's planned trades pass the account's limits and are sent, for the next session;
   ledger and broker are compared once more.

Sending is the subject of :mod:`options_platform.services.trading.execution`; doing a session again
has no further effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import polars as pl

from options_platform.adapters.ports.broker import (
    Broker,
    BrokerDoubtError,
    BrokerOrder,
    Quote,
    works_at_close,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.risk import Exposure, OrderBasis, after_closes, reason_of
from options_platform.domain.trading.exposures import (
    DatedClose,
    broken_mark,
    newest_closes,
    planned_exposures,
)
from options_platform.domain.trading.fills import MarketClose
from options_platform.domain.trading.order_basis import order_bases
from options_platform.domain.trading.orders import WORKING, Order, Purpose, multiplier_of
from options_platform.domain.trading.positions import Position, mark_account
from options_platform.domain.trading.reconciliation.adoption import adopted_entry, purpose_of
from options_platform.domain.trading.remains import comparable, judged_legs
from options_platform.domain.trading.repricing import REPRICE
from options_platform.errors import BrokerError, PlanChangedError
from options_platform.services.planning.plan_tables import Market, entry_order
from options_platform.services.trading.closing.positions import (
    LEG_MISSING,
    LEGS_GONE,
    Closing,
    is_leaving,
)
from options_platform.services.trading.entries.checks import EntryChecks
from options_platform.services.trading.entries.pauses import HALTED, entries_stopped, lift_at_close
from options_platform.services.trading.entries.sizes import EntrySizes
from options_platform.services.trading.execution import Execution, Step, no_step
from options_platform.services.trading.reconciliation.reconcile import NO_BROKER, Reconciler
from options_platform.settings import Settings

FILLED_BEFORE = "FILLED_BEFORE"
UNCOVERED = (LEGS_GONE, LEG_MISSING)
"""The reasons of sold contracts that have lost their cover, or may have."""


@dataclass(frozen=True)
class TradingSession:
    """The service of one account; `at` is told each step of sending, for tests that crash there.

    For entries: `closes` are the newest known by ticker, `planned` what plans add to the risk by
    plan_id, `bases` what they rest on; an order of another session's plan is priced at its close.
    `folds` is by ticker the month that its model was trained to predict, None without models.
    """

    ledger: Ledger
    broker: Broker
    settings: Settings
    at: Step = no_step
    closes: Mapping[str, DatedClose] = field(default_factory=dict)
    planned: Mapping[str, Exposure] = field(default_factory=dict)
    bases: Mapping[str, OrderBasis] = field(default_factory=dict)
    folds: Mapping[str, str] | None = None

    @cached_property
    def execution(self) -> Execution:
        """The way to the broker."""
        return Execution(self.ledger, self.broker, self.at)

    @cached_property
    def reconciler(self) -> Reconciler:
        """The comparison with the broker."""
        return Reconciler(self.execution, self.settings.reconcile)

    @cached_property
    def closing(self) -> Closing:
        """The way out of positions."""
        return Closing(self.execution, self.reconciler, self.settings)

    @property
    def start_usd(self) -> float:
        """What the account began with, USD: the setting of its first session."""
        began = self.ledger.start_usd()
        return self.settings.account_value_usd if began is None else began

    @property
    def checks(self) -> EntryChecks:
        """What may forbid an entry."""
        return EntryChecks(
            self.ledger, self.broker, self.settings, self.closes, self.planned, self.bases
        )

    def run_session(
        self,
        session: date,
        plans: pl.DataFrame,
        legs: pl.DataFrame,
        market: Market,
        now: datetime,
    ) -> None:
        """Do everything that the close of `session` asks for; again and again with one effect.

        Args:
            session: the newest session.
            plans: its rows of `trade_plan`.
            legs: their rows of `trade_plan_legs`.
            market: closes by session and ticker, from the last run's session to this one.
            now: time of the records.

        Raises :class:`LedgerError` if another process trades by the same ledger, and
        :class:`PlanChangedError`, once all else is done, if a plan is not the recorded one.
        """
        with self.trading(), self._broker_held():
            last = self.ledger.last_marked()
            for day in sessions(last, session) if last else [session]:
                closes = market.get(day, {})
                # A mark is of its close: what was filled since is no part of it.
                is_new = last is None or day > last
                if is_new and works_at_close(self.broker):
                    self.broker.work(day, closes)
                if is_new:
                    self._settle(day, now)
                if day == session:
                    self.reconciler.run(now, session)
                    self._send_exits(day, closes, now)
                if is_new:
                    self._mark(day, closes)
                # Also of a session that was marked by a run which came no further.
                self.trip(self.ledger.equities_since_reset(), now)
                lift_at_close(self.ledger, day, now)
            changed = self._send_entries(session, plans, legs, market, now)
            if not works_at_close(self.broker):
                self.reconciler.run(now, session)
            if changed:
                raise changed[0]

    def reconcile(self, now: datetime) -> list[str]:
        """Take over what the broker says of working orders; what still differs, in sentences."""
        with self.trading():
            return [difference.text for difference in self.reconciler.run(now)]

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Be the one that trades by the ledger, at the account that it is of.

        Raises :class:`LedgerError` if another process trades, or the keys are another account's.
        """
        with self.ledger.trading():
            # An account that may not trade is refused where something is sent.
            with suppress(BrokerError):
                self.ledger.require_account(self.broker.account().number)
            yield

    def _broker_held(self) -> AbstractContextManager[object]:
        return self.broker.holding() if works_at_close(self.broker) else nullcontext()

    def _settle(self, session: date, now: datetime) -> None:
        """Ask for what worked in a session; a day order that rests on after it is canceled."""
        for order in self.ledger.working_orders():
            if order.purpose != "exercise" or order.status == "intent":
                self.execution.look(order, now, session)
        self.reconciler.take_activities(now, session)

    def _send_exits(self, session: date, closes: Mapping[str, MarketClose], now: datetime) -> None:
        leaving = set()
        for order in self.ledger.working_orders():
            if is_leaving(order):
                waits = order.session == session and order.status in ("intent", "unknown")
                is_exit = order.purpose == "exit"
                after = self.closing.send_again(order, now) if waits and is_exit else order
                # One that was withdrawn unsent leaves its position to be closed yet.
                if after.status in WORKING:
                    leaving.add(order.position_id)
        standing = self.closing.standing_reasons(now)
        for position in self.ledger.positions(only_open=True):
            close = closes.get(position.ticker)
            if position.opened_on > session or position.position_id in leaving:
                continue
            price = None if close is None else self.closing.at_close(session, close)
            legs = judged_legs(position) or position.legs
            at_close = None if price is None else price(legs)
            value = position.mark_price if at_close is None else comparable(position, at_close)
            due = self.closing.exit_due(position, session, value, close)
            if at_close is None and due != "EXPIRY_NEAR":
                # Nothing is known of profit and loss; the calendar goes on.
                due = None
            reason = standing.get(position.position_id, due)
            if reason is not None:
                # A short without cover meets the next open: nobody may be there to climb.
                at_once: Mapping[str, Quote] | None = {} if reason in UNCOVERED else None
                self.closing.close_position(
                    position, session, reason, price, now, at_once_by=at_once
                )

    def _mark(self, session: date, closes: Mapping[str, MarketClose]) -> None:
        positions = self.ledger.positions()
        marked = [
            self._marked(p, session, closes[p.ticker])
            if p.closed_on is None and p.ticker in closes
            else p
            for p in positions
        ]
        self.ledger.record_marks(
            [new for new, old in zip(marked, positions, strict=True) if new != old],
            mark_account(session, self.start_usd, marked),
            [
                broken_mark(p, session, closes[p.ticker], self.settings.plan.chain)
                for p in marked
                if p.closed_on is None and p.broken_contracts and p.ticker in closes
            ],
        )

    def _marked(self, position: Position, session: date, close: MarketClose) -> Position:
        """A position at a close; whole spreads keep the mark of their expiry, shares go on.

        Contracts of an adjusted root keep their mark: the close does not say what they deliver.
        """
        price = self.closing.at_close(session, close)
        marked = position
        value = price(position.legs)
        if session <= position.expiry and value is not None:
            marked = replace(marked, mark_price=value, marked_on=session)
        loose = price(position.loose) if position.loose else None
        if loose is not None:
            loose_usd = loose * multiplier_of(position.loose)
            marked = replace(marked, loose_value_usd=loose_usd, marked_on=session)
        return marked

    def trip(self, equities_usd: Sequence[float], now: datetime) -> None:
        """Halt, for good until a person resumes, once losses have passed their limits."""
        switch = after_closes(equities_usd, self.settings.risk.kill_switch)
        if switch is not None and switch.tripped is not None and self.ledger.halted() is None:
            self.ledger.halt(reason_of(switch.tripped), now)

    def _send_entries(
        self,
        session: date,
        plans: pl.DataFrame,
        legs: pl.DataFrame,
        market: Market,
        now: datetime,
    ) -> list[PlanChangedError]:
        """Send what may be sent; what kept the plans of single tickers from it."""
        trades = plans.filter((pl.col("date") == session) & (pl.col("decision") == "trade")).sort(
            "ticker"
        )
        whole = trades
        trades = EntrySizes(self.ledger, self.broker, self.settings).sized(whole, legs)
        closes = newest_closes(market, session)
        known = replace(
            self,
            closes=closes,
            planned=planned_exposures(trades),
            bases=order_bases(trades, legs, closes, session, self.folds),
        )
        changed = []
        pairs = zip(trades.iter_rows(named=True), whole.iter_rows(named=True), strict=True)
        for plan, as_planned in pairs:
            try:
                if plan["contracts"] < 1:
                    full = entry_order(as_planned, legs, self.settings.account)
                    self._refuse(full, ["RISK_BUDGET"], now)
                    continue
                known.send_if_allowed(entry_order(plan, legs, self.settings.account), now)
            except PlanChangedError as error:
                changed.append(error)
        if entries_stopped(self.ledger) is not None:
            # One that was being sent when the halt came passed its check.
            self.cancel_entries(now)
        return changed

    def cancel_entries(self, now: datetime) -> list[Order]:
        """Cancel the entries that rest at the broker, for good; those that still may fill."""
        left = []
        why = entries_stopped(self.ledger) or HALTED
        for order in self.ledger.working_orders():
            if order.purpose != "entry":
                continue
            if order.status == "intent":
                self._refuse(order, [why], now)
                continue
            if order.reason == REPRICE:
                order = replace(order, reason=why)  # noqa: PLW2901
                self.ledger.record(order, now, detail=why)
            after = self.execution.cancel(order, now)
            if after.status in WORKING:
                left.append(after)
        with suppress(BrokerDoubtError):
            self.cancel_strangers(("entry",))
        return left

    def cancel_strangers(self, purposes: Sequence[Purpose]) -> list[str]:
        """Cancel orders of our pattern that rest at the broker and by the ledger do not.

        It does not know them, or has them as ended. Returns sentences on those that could not be
        canceled. Raises :class:`BrokerDoubtError` while the broker's orders cannot be listed.
        """
        problems = []
        for report in self.broker.working():
            recorded = self.ledger.order(report.client_order_id)
            purpose = purpose_of(report.client_order_id)
            if purpose not in purposes or (recorded is None and not self._may_be_ours(report)):
                continue
            if recorded is not None and not recorded.is_final:
                continue
            try:
                self.broker.cancel(report.client_order_id)
            except BrokerError as cause:
                if recorded is None or isinstance(cause, BrokerDoubtError):
                    problems.append(f"{report.client_order_id} rests, and is not canceled: {cause}")
                # Else the list lags behind: it has ended, as the ledger has it.
        return problems

    def _may_be_ours(self, report: BrokerOrder) -> bool:
        """Whether an id of our pattern is ours; of an exit without its position nobody knows."""
        is_entry = purpose_of(report.client_order_id) == "entry"
        return not is_entry or adopted_entry(report, self.ledger.account) is not None

    def send_if_allowed(self, order: Order, now: datetime) -> None:
        """Send an order; an entry only if nothing forbids it, and else for the record not sent.

        One that was sent before and is in doubt is asked for, and sent again under its id only if
        it would be allowed now. While the broker cannot be asked, an entry stays an intent, which
        the next run of its session sends.
        """
        known = self.ledger.order(order.client_order_id)
        if order.purpose == "entry" and (known is None or known.status in ("intent", "unknown")):
            broken, doubt = self._forbidden(order, now)
            if broken:
                self._refuse(order, broken, now)
                return
            if doubt is not None:
                self._wait(order, doubt, now)
                return
        self.execution.send(order, now)

    def _forbidden(self, order: Order, now: datetime) -> tuple[list[str], str | None]:
        """Codes of what forbids an entry now, and what of it the broker could not say."""
        differences = [
            difference
            for difference in self.reconciler.run(now, order.session)
            if difference.subject != order.client_order_id
        ]
        doubt = next((each.text for each in differences if each.code == NO_BROKER), None)
        broken: list[str] = []
        if self.ledger.halted() is None:
            try:
                if doubt is not None:
                    broken = self.checks.rules_broken(order)
                else:
                    broken = self.checks.refusals(order, differences)
            except BrokerDoubtError as error:
                doubt = str(error)
        if self._has_filled_before(order):
            broken = [*broken, FILLED_BEFORE]
        # A halt may have come while the broker was asked.
        if not broken and (stopped := entries_stopped(self.ledger)) is not None:
            broken = [stopped]
        return broken, doubt

    def _has_filled_before(self, order: Order) -> bool:
        """Whether another attempt of the entry turns out to have filled after all."""
        return any(
            (o.purpose, o.position_id) == ("entry", order.position_id)
            and o.client_order_id != order.client_order_id
            and o.filled_qty
            for o in self.ledger.orders(session=order.session)
        )

    def _wait(self, order: Order, doubt: str, now: datetime) -> None:
        self.ledger.record_intent(order, now)
        self.ledger.note(order.client_order_id, now, f"DOUBT: {doubt}")

    def _refuse(self, order: Order, broken: Sequence[str], now: datetime) -> None:
        recorded = self.ledger.record_intent(replace(order, status="intent"), now)
        if recorded.status == "intent":
            self.ledger.record(recorded.to("not_sent", reason=",".join(broken)), now)
