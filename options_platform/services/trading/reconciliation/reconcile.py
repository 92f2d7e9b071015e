"""Reconciling ledger and broker: record what the broker reports, then name what still differs.

The broker's lists come first: orders of this account that the ledger does not have are adopted, the
others are brought up to date, and only what no list shows is looked up by its id. Activities
follow: assignments, exercises, expiries. What is left is a difference; it is reported and stops
entries, and ends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import Broker, BrokerDoubtError, BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import contracts_of
from options_platform.domain.trading.reconciliation.acceptance import (
    Acceptance,
    is_open_to_proof,
    refuted,
)
from options_platform.domain.trading.reconciliation.differences import (
    BrokerStatement,
    Difference,
    LedgerStatement,
    differences,
    unread_activities,
)
from options_platform.domain.trading.reconciliation.renames import (
    renamed_contracts,
    with_new_symbols,
)
from options_platform.domain.trading.reconciliation.split_evidence import listed_splits
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.reconciliation.broker_orders import BrokerOrders
from options_platform.services.trading.reconciliation.settlement import Settling
from options_platform.services.trading.reconciliation.statements import read_statement
from options_platform.settings.broker_rules import ReconcileRules

NO_BROKER = "BROKER"
# Orders may fill between the reading of the two sides.
LOOKS = 3


@dataclass(frozen=True)
class Reconciler:
    """Compares the ledger with the broker; differences stop new entries until they are resolved."""

    execution: Execution
    rules: ReconcileRules

    @property
    def ledger(self) -> Ledger:
        """The ledger of the account."""
        return self.execution.ledger

    @property
    def broker(self) -> Broker:
        """The broker of the account."""
        return self.execution.broker

    @property
    def broker_orders(self) -> BrokerOrders:
        """Brings the orders of the ledger up to date."""
        return BrokerOrders(self.execution, self.rules)

    @property
    def settling(self) -> Settling:
        """Ends contracts that end without an order."""
        return Settling(self.execution, self.rules)

    def run(self, now: datetime, session: date | None = None) -> list[Difference]:
        """Record what the broker reports; the differences that are left, which are recorded too.

        A broker that gives no clear answer is a difference itself (BROKER). `session` is for a
        broker without a clock: the newest session that it has worked.
        """
        try:
            differing = self._compared(now, session)
        except BrokerDoubtError as doubt:
            differing = [Difference(NO_BROKER, self.broker.name, str(doubt))]
        self.ledger.record_differences(differing, now)
        return differing

    def _compared(self, now: datetime, session: date | None) -> list[Difference]:
        differing: list[Difference] = []
        unread: str | None = None
        for _ in range(LOOKS):
            reports = self.broker_orders.take_over(now, session)
            unread = self.take_activities(now, session)
            ledger_side = self.ledger.statement()
            broker_side = read_statement(self.settling, ledger_side, now, reports)
            if (
                self._follow_splits(ledger_side, broker_side, now)
                or self._follow_renames(ledger_side, broker_side, now)
                or self._took_back(ledger_side, broker_side, now)
            ):
                ledger_side = self.ledger.statement()
            if ledger_side.cash_base_usd is None and broker_side.cash_usd is not None:
                self.ledger.adjust(
                    {}, broker_side.cash_usd - ledger_side.cash_flow_usd, now, "first look"
                )
                ledger_side = self.ledger.statement()
            differing = differences(
                ledger_side,
                broker_side,
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
        """The broker's orders by id, once they and its activities are recorded in the ledger.

        Activities that cannot be read are left out. Raises :class:`BrokerDoubtError` while the
        orders cannot be listed.
        """
        reports = self.broker_orders.take_over(now, session)
        self.take_activities(now, session)
        return reports

    def take_activities(self, now: datetime, session: date | None = None) -> str | None:
        """Record what the clearing house did; see :meth:`Settling.take_activities`."""
        return self.settling.take_activities(now, session)

    def _follow_splits(
        self, ledger_side: LedgerStatement, broker_side: BrokerStatement, now: datetime
    ) -> bool:
        """Follow contracts that a whole split has multiplied, at a fraction of their strikes."""
        today = (broker_side.clock or now).astimezone(NEW_YORK).date()
        splits = listed_splits(ledger_side.contracts, broker_side.contracts, today)
        self.settling.follow(splits, now)
        return bool(splits)

    def _follow_renames(
        self, ledger_side: LedgerStatement, broker_side: BrokerStatement, now: datetime
    ) -> bool:
        """Follow contracts whose symbol a split has changed."""
        renames = renamed_contracts(ledger_side.contracts, broker_side.contracts)
        if not renames:
            return False
        before = {p.position_id: p for p in self.ledger.positions(only_open=True)}
        after = with_new_symbols(before.values(), renames, broker_side.contracts)
        symbols = dict(renames)
        for position in after:
            old = before[position.position_id]
            for old_leg, leg in zip(
                (*old.legs, *old.loose), (*position.legs, *position.loose), strict=True
            ):
                if old_leg != leg:
                    symbols[old_leg.symbol(old.ticker)] = leg.symbol(position.ticker)
        moved = {name: ledger_side.contracts.get(name, 0) for name in symbols}
        self.ledger.record_renames(symbols, moved, after, now)
        return True

    def _took_back(
        self, ledger_side: LedgerStatement, broker_side: BrokerStatement, now: datetime
    ) -> bool:
        """Reopen what a person accepted as ended, once the broker shows it after all.

        Where it does not tell what was traded by hand since, that is no evidence.
        """
        is_any, by_hand = False, broker_side.by_hand
        if by_hand is None:
            return False
        working = {s for order in self.ledger.working_orders() for s in contracts_of(order)}
        for acceptance in reversed(self.ledger.acceptances()):
            if not is_open_to_proof(acceptance, now):
                continue
            shown = self._shown_before(acceptance, now)
            listed = broker_side.contracts
            part = refuted(acceptance, ledger_side, listed, by_hand, working, shown)
            if part is not None:
                reason = "CORRECTED: the broker shows it after all"
                self.ledger.take_back(acceptance, part, now, reason)
                ledger_side, is_any = self.ledger.statement(), True
        return is_any

    def _shown_before(self, acceptance: Acceptance, now: datetime) -> set[str]:
        """The contracts that have differed since a look after an acceptance, long enough ago.

        A trade by hand may reach the activities later than the list.
        """
        wait = timedelta(seconds=self.rules.doubt_seconds)
        return {
            symbol
            for symbol, since in self.ledger.doubts().items()
            if now - since >= wait and (acceptance.at is None or since >= acceptance.at)
        }
