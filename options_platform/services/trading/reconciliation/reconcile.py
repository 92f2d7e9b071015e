"""Bringing ledger and broker together: take over what the broker shows, then name what differs.

Lists are read first: orders of ours that the ledger does not know are adopted, orders that it
knows are brought up to date, and only what no list shows is looked up by its id. Then come the
activities: assignments, exercises, expiries. What is left is a difference, which stops entries and
is reported; it never ends anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import Broker, BrokerDoubtError, BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import CANCELLABLE, ENDED, RESTING, WORKING, Order
from options_platform.domain.trading.orders.superseded import superseded
from options_platform.domain.trading.positions import with_all_attempts
from options_platform.domain.trading.reconciliation.acceptance import (
    Acceptance,
    beside_changes,
    is_refuted,
    not_reported,
)
from options_platform.domain.trading.reconciliation.adoption import (
    adopted_entry,
    adopted_exit,
    successor,
)
from options_platform.domain.trading.reconciliation.beside import ends_by_word
from options_platform.domain.trading.reconciliation.differences import (
    Books,
    Difference,
    Statement,
    contract_differences,
    differences,
    keeps_from_trading,
    unread_activities,
)
from options_platform.domain.trading.reconciliation.renames import (
    renamed_contracts,
    with_new_symbols,
)
from options_platform.domain.trading.reconciliation.settlement import (
    ACCEPTED,
    accepted,
    delivered_unannounced,
    settle,
)
from options_platform.errors import LedgerError
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.reconciliation.settlement import Settling
from options_platform.settings.broker_rules import ReconcileRules

NO_BROKER = "BROKER"
LEDGER_OLDER = "LEDGER_OLDER"
REPLACED = "REPLACED"
# Fills go on while one side is read after the other.
LOOKS = 3


@dataclass(frozen=True)
class Reconciler:
    """Compares the ledger with the broker; what it finds stops new entries until it is gone."""

    execution: Execution
    rules: ReconcileRules

    @property
    def ledger(self) -> Ledger:
        """The ledger's side."""
        return self.execution.ledger

    @property
    def broker(self) -> Broker:
        """The broker's side."""
        return self.execution.broker

    @property
    def settling(self) -> Settling:
        """What ends contracts without an order."""
        return Settling(self.execution, self.rules)

    def run(self, now: datetime, session: date | None = None) -> list[Difference]:
        """Take over what the broker shows; what still differs, recorded too.

        A broker that gives no clear answer is itself a difference (BROKER). `session` is for a
        broker without a clock: the newest session that it was told of.
        """
        try:
            differing = self._compared(now, session)
        except BrokerDoubtError as doubt:
            differing = [Difference(NO_BROKER, self.broker.name, str(doubt))]
        self.ledger.record_differences(differing, now)
        return differing

    def accept(self, now: datetime, reason: str) -> list[Difference]:
        """Take contracts and cash over as the broker has them: a person's word; what differs then.

        Positions whose contracts the broker lacks end with it (ACCEPTED), and so do orders that are
        missing. What the broker has beyond the positions stays beside them: nothing here
        closes it.
        """
        reported = self.ledger.differences()
        # What a fill that nobody has heard of brought is no adjustment.
        reports = self.take_over(now)
        books = self.ledger.books()
        statement = self._statement(books, now, reports)
        self._require_reported(contract_differences(books.contracts, statement), reported)
        today = now.astimezone(NEW_YORK).date()
        for activity in delivered_unannounced(books, statement.contracts, today, statement.by_hand):
            held = self.ledger.positions(only_open=True)
            self.ledger.record_settlement(activity, settle(activity, held), now)
        books = self.ledger.books()
        ours = books.contracts
        changes = {
            symbol: round(statement.contracts.get(symbol, 0)) - ours.get(symbol, 0)
            for symbol in {*ours, *statement.contracts}
        }
        missing = {
            symbol: quantity - _of_positions(symbol, quantity, books, statement)
            for symbol, quantity in books.lots.items()
        }
        open_positions = {p.position_id: p for p in self.ledger.positions(only_open=True)}
        after = accepted(open_positions.values(), missing, today)
        for order in self.ledger.unsettled_orders():
            is_late_exercise = order.purpose == "exercise" and now >= order.expires_at
            if order.status == "missing" or is_late_exercise:
                why = order.reason if order.purpose == "exit" else ACCEPTED
                self.ledger.record(order.to("expired", reason=why), now, detail=reason)
        base = None
        if statement.cash_usd is not None:
            base = statement.cash_usd - books.cash_flow_usd
        changed = {symbol: quantity for symbol, quantity in changes.items() if quantity}
        before = tuple(open_positions[p.position_id] for p in after)
        beside = beside_changes(books, changed, after)
        ends = ends_by_word(before, after, today)
        done = Acceptance(changed, beside, before, after, ends, now)
        self.ledger.record_acceptance(done, now, reason)
        self.ledger.adjust({}, base, now, reason)
        return self.run(now)

    def _require_reported(
        self, differing: Sequence[Difference], reported: Sequence[Difference]
    ) -> None:
        """LedgerError where the broker shows other contracts than a person was told of."""
        if new := not_reported(differing, reported):
            raise LedgerError(
                f"nothing was accepted: the broker shows what was not reported before "
                f"({'; '.join(d.text for d in new[:3])}); look at it, then again: "
                "options-platform reconcile"
            )

    def _compared(self, now: datetime, session: date | None) -> list[Difference]:
        differing: list[Difference] = []
        unread: str | None = None
        for _ in range(LOOKS):
            reports = self._take_orders(now, session)
            unread = self.take_activities(now, session)
            books = self.ledger.books()
            statement = self._statement(books, now, reports)
            if self._follow_renames(books, statement, now) or self._took_back(
                books, statement, now
            ):
                books = self.ledger.books()
            if books.cash_base_usd is None and statement.cash_usd is not None:
                self.ledger.adjust({}, statement.cash_usd - books.cash_flow_usd, now, "first look")
                books = self.ledger.books()
            differing = differences(
                books,
                statement,
                now=now,
                cash_tolerance_usd=self.rules.cash_tolerance_usd,
                clock_tolerance_seconds=self.rules.clock_tolerance_seconds,
            )
            if unread is not None:
                differing.append(unread_activities(self.broker.name, unread))
            if not any(d.code in ("CONTRACTS", "ORDER_STATE", "CASH") for d in differing):
                break
        self.ledger.record_doubts([d.subject for d in differing if d.code == "CONTRACTS"], now)
        return differing

    def take_over(self, now: datetime, session: date | None = None) -> dict[str, BrokerOrder]:
        """The broker's orders by id, after the ledger's were brought up to date by them.

        What the clearing house did is taken over too, where it can be read. Raises
        :class:`BrokerDoubtError` while the orders cannot be.
        """
        reports = self._take_orders(now, session)
        self.take_activities(now, session)
        return reports

    def _take_orders(self, now: datetime, session: date | None) -> dict[str, BrokerOrder]:
        reports = self._listed(now)
        self._adopt(reports, now)
        reports = self._without_replaced(reports)
        orders = {order.client_order_id: order for order in self.ledger.orders()}
        unsettled = {order.client_order_id: order for order in self.ledger.unsettled_orders()}
        for order_id, listed in list(reports.items()):
            order, report = orders.get(order_id), listed
            if order is not None and _rests_again(order, listed):
                # A list that lags shows it so; its look-up is asked before anything is done.
                with suppress(BrokerDoubtError):
                    report = reports[order_id] = self.broker.find(order_id) or listed
            if order is not None and _is_news(order, report):
                # What cannot be stays a difference, and is named as one.
                with suppress(BrokerDoubtError):
                    self.execution.show(order, report, now, session)
        for order_id, order in unsettled.items():
            is_asked_for = order.purpose == "exercise" and order.status != "intent"
            if order_id in reports or _is_given_up(order, now) or is_asked_for:
                # An exercise is no order that could be looked up: its activity tells of it.
                continue
            try:
                looked_up = self.broker.find(order_id)
            except BrokerDoubtError as doubt:
                self.ledger.note(order_id, now, f"DOUBT: {doubt}")
                continue
            if looked_up is None:
                self.execution.miss(order, now, session)
                continue
            reports[order_id] = looked_up
            with suppress(BrokerDoubtError):
                self.execution.show(order, looked_up, now, session)
        self._show_late_successors(reports, now, session)
        self._count_all_attempts(now)
        self._cancel_superseded(now)
        return reports

    def _listed(self, now: datetime) -> dict[str, BrokerOrder]:
        # An order fills some days after it was sent, as after a long weekend, and clocks differ.
        since = self._since(self.ledger.unsettled_orders(), now) - timedelta(days=5)
        listed = [*self.broker.orders_since(since), *self.broker.working()]
        return {report.client_order_id: report for report in listed}

    def _adopt(self, reports: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Take orders of ours into the ledger that it does not know.

        Ids of ours that it lacks show that it is older than the account, as one out of a backup
        is: it may not know of a halt either, so entries are halted until a person resumes.
        """
        known = {order.client_order_id: order for order in self.ledger.orders()}
        strangers = {name: report for name, report in reports.items() if name not in known}
        adopted = [adopted_entry(report, self.ledger.account) for report in strangers.values()]
        entries = [order for order in adopted if order is not None]
        tickers = {o.position_id: o.ticker for o in (*known.values(), *entries)}
        exits = [adopted_exit(report, tickers) for report in strangers.values()]
        ours = [*entries, *(order for order in exits if order is not None)]
        if ours:
            # First, since nothing shows it any more once they are known.
            self.ledger.halt(
                f"{LEDGER_OLDER}: the broker has {len(ours)} orders of this account that the "
                "ledger did not know; they were taken over",
                now,
            )
        for order in sorted(ours, key=lambda o: (o.session, o.purpose, o.attempt)):
            # What a halt has voided that the ledger does not know of is not priced anew.
            is_void = order.purpose == "entry"
            self.ledger.record_intent(replace(order, placed_at=now, withdrawn=is_void), now)
        self._adopt_successors(reports, now)

    def _adopt_successors(self, reports: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Follow what a person put in the place of orders of ours, and of that in turn."""
        while self._adopted_successor(reports, now):
            pass

    def _adopted_successor(self, reports: Mapping[str, BrokerOrder], now: datetime) -> bool:
        by_broker_id = {name: report for report in reports.values() for name in report.broker_ids}
        orders = self.ledger.orders()
        known = {order.client_order_id: order for order in orders}
        for order_id, report in reports.items():
            replaced = known.get(order_id)
            after = by_broker_id.get(report.replaced_by or "")
            if replaced is None or after is None or after.client_order_id in known:
                continue
            order = successor(replaced, after, orders)
            if order is not None:
                # What was to leave the market is to leave it under its new id too.
                self.ledger.record_intent(
                    replace(
                        order,
                        placed_at=now,
                        reason=replaced.reason,
                        withdrawn=replaced.withdrawn,
                    ),
                    now,
                )
                return True
        return False

    def _show_late_successors(
        self, reports: Mapping[str, BrokerOrder], now: datetime, session: date | None
    ) -> None:
        """Follow what replaced an order by hand where only its look-up tells of that."""
        before = {order.client_order_id for order in self.ledger.orders()}
        self._adopt_successors(reports, now)
        for order in self.ledger.orders():
            if order.client_order_id not in before:
                with suppress(BrokerDoubtError):
                    self.execution.show(order, reports[order.client_order_id], now, session)

    def _without_replaced(self, reports: Mapping[str, BrokerOrder]) -> dict[str, BrokerOrder]:
        """The reports, of an order that was replaced as canceled once its successor is known.

        So it is where the successor is nothing that could be followed, and has ended unfilled.
        """
        known = {order.client_order_id for order in self.ledger.orders()}
        known |= {
            name
            for name, report in reports.items()
            if report.status in ENDED and not report.filled_qty
        }
        ids = {
            name: report.client_order_id
            for report in reports.values()
            for name in report.broker_ids
        }
        return {
            order_id: replace(report, status="canceled", reason=REPLACED)
            if report.replaced_by is not None and ids.get(report.replaced_by) in known
            else report
            for order_id, report in reports.items()
        }

    def _count_all_attempts(self, now: datetime) -> None:
        entries = [order for order in self.ledger.orders() if order.purpose == "entry"]
        for position in self.ledger.positions(only_open=True):
            of_it = (order for order in entries if order.position_id == position.position_id)
            after = with_all_attempts(position, of_it)
            if after != position:
                self.ledger.record_position(after, now, "CORRECTED: all attempts of its entry")

    def _cancel_superseded(self, now: datetime) -> None:
        """Cancel what rests beside another attempt that does its work, or has done it."""
        orders = self.ledger.orders()
        held = {p.position_id: p.held for p in self.ledger.positions()}
        for order in superseded(orders, held):
            self.execution.cancel(order, now)

    def take_activities(self, now: datetime, session: date | None = None) -> str | None:
        """Take over what the clearing house did, as :meth:`Settling.take_activities` does."""
        return self.settling.take_activities(now, session)

    def _follow_renames(self, books: Books, statement: Statement, now: datetime) -> bool:
        """Follow contracts that a split gave another symbol."""
        renames = renamed_contracts(books.contracts, statement.contracts)
        if not renames:
            return False
        before = {p.position_id: p for p in self.ledger.positions(only_open=True)}
        after = with_new_symbols(before.values(), renames, statement.contracts)
        symbols = dict(renames)
        for position in after:
            old = before[position.position_id]
            for was, leg in zip(
                (*old.legs, *old.loose), (*position.legs, *position.loose), strict=True
            ):
                if was != leg:
                    symbols[was.symbol(old.ticker)] = leg.symbol(position.ticker)
        moved = {name: books.contracts.get(name, 0) for name in symbols}
        self.ledger.record_renames(symbols, moved, after, now)
        return True

    def _took_back(self, books: Books, statement: Statement, now: datetime) -> bool:
        """Open again what a person accepted as gone, once the broker shows it after all."""
        accepted_last = self.ledger.acceptance()
        if accepted_last is None or not is_refuted(
            accepted_last, books, statement.contracts, now, statement.by_hand
        ):
            return False
        self.ledger.take_back(accepted_last, now, "CORRECTED: the broker shows it after all")
        return True

    def _since(self, unsettled: list[Order], now: datetime) -> datetime:
        """How far back final orders are compared: to the ledger's last mark, if that is older.

        A ledger out of a backup lacks what came after it.
        """
        back = now - timedelta(days=self.rules.lookback_days)
        opened = [p.opened_on for p in self.ledger.positions(only_open=True)]
        known = self.ledger.last_marked() or min(opened, default=None)
        if known is not None:
            back = min(back, datetime.combine(known, datetime.min.time(), NEW_YORK))
        placed = [
            order.placed_at
            for order in unsettled
            if order.placed_at is not None and order.status != "missing"
        ]
        return min([back, *placed])

    def _statement(
        self, books: Books, now: datetime, orders: Mapping[str, BrokerOrder]
    ) -> Statement:
        since = self._since([o for o in books.orders if o.status in WORKING], now)
        asked = {
            order.client_order_id
            for order in books.orders
            if order.purpose != "exercise"
            and (
                order.status in (*WORKING, "missing")
                or order.client_order_id in orders
                or (order.placed_at is not None and order.placed_at >= since)
            )
        }
        account = self.broker.account()
        self.ledger.require_account(account.number)
        clock = self.broker.clock()
        contracts = {h.symbol: h.quantity for h in self.broker.holdings()}
        causes: dict[str, str] = {}
        by_hand: set[str] = set()
        if contracts != books.contracts:
            causes = self.settling.causes(orders, since.date(), by_hand)
        return Statement(
            orders={name: (report.status, report.filled_qty) for name, report in orders.items()},
            known=frozenset(asked),
            contracts=contracts,
            cash_usd=account.cash_usd,
            causes=causes,
            clock=None if clock is None else clock.now,
            by_hand=frozenset(by_hand),
        )


def _of_positions(symbol: str, quantity: int, books: Books, statement: Statement) -> int:
    """What of a contract at the broker is the positions', which hold `quantity` of it.

    A person's own on the other side is netted there; on the same side it may be gone.
    """
    shown, beside = round(statement.contracts.get(symbol, 0)), books.beside.get(symbol, 0)
    return shown - beside if beside * quantity < 0 else shown


def _is_given_up(order: Order, now: datetime) -> bool:
    """Whether a missing order is asked for in the lists alone."""
    return order.status == "missing" and not keeps_from_trading(
        order, now.astimezone(NEW_YORK).date()
    )


def _rests_again(order: Order, report: BrokerOrder) -> bool:
    """Whether a list shows as resting what the broker has shown as ended."""
    is_ended = order.seen and order.status in ENDED
    return is_ended and report.status in RESTING and report.filled_qty <= order.filled_qty


def _is_news(order: Order, report: BrokerOrder) -> bool:
    """Whether a report says anything new of an order, or shows one that should not rest."""
    recorded = (order.status, order.filled_qty, order.avg_price, order.seen)
    shown = (report.status, report.filled_qty, report.avg_price, True)
    return recorded != shown or (report.status in CANCELLABLE)
