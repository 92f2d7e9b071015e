"""Sending the entries that nothing forbids, and canceling those that rest.

An entry is checked each time before it is sent; one that may not be sent is recorded as not sent,
with the codes of what forbids it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.risk import Exposure, OrderBasis
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.orders import WORKING, Order
from options_platform.domain.trading.reducer import Event
from options_platform.domain.trading.repricing import REPRICE, with_next_attempt
from options_platform.services.trading.entries.checks import EntryChecks
from options_platform.services.trading.entries.sizes import SizedEntry
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.pauses import HALTED, entries_stopped
from options_platform.services.trading.reconciliation.reconcile import NO_BROKER, Reconciler
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.services.trading.unrecorded import cancel_unrecorded
from options_platform.settings import Settings

FILLED_BEFORE = "FILLED_BEFORE"


@dataclass(frozen=True)
class Entries:
    """Sends the entries of one account.

    `closes` are the newest closes by ticker; by plan_id, `planned` is the exposure that a plan adds
    and `bases` the data that it rests on. An order of another session's plan has neither, and is
    valued at the close. `reports` knows the earnings reports ahead.
    """

    execution: Execution
    reconciler: Reconciler
    settings: Settings
    closes: Mapping[str, DatedClose] = field(default_factory=dict)
    planned: Mapping[str, Exposure] = field(default_factory=dict)
    bases: Mapping[str, OrderBasis] = field(default_factory=dict)
    reports: ReportsAhead | None = None

    @property
    def ledger(self) -> Ledger:
        """The ledger of the account."""
        return self.execution.ledger

    @property
    def checks(self) -> EntryChecks:
        """What may forbid an entry."""
        return EntryChecks(
            self.ledger,
            self.execution.broker,
            self.settings,
            self.closes,
            self.planned,
            self.bases,
            self.reports,
        )

    def send(
        self,
        order: Order,
        now: datetime,
        refusals: Sequence[str] = (),
        needs: str | None = None,
    ) -> None:
        """Send an entry if nothing forbids it, else record it as not sent.

        `refusals` are codes of what is known to forbid it, `needs` says what would let it through.

        An entry that was sent before and is in doubt is looked up, and sent again under its id only
        if it would be allowed now. While the broker does not answer it stays an intent, which the
        next run of its session sends. Raises :class:`PlanChangedError` if another plan was recorded
        under its id.
        """
        recorded = self.ledger.order(order.client_order_id)
        is_sent = recorded is not None and recorded.status not in ("intent", "unknown")
        doubt: str | None = None
        if not refusals and not is_sent:
            refusals, doubt = self._refusals(order, now)
        if refusals:
            self._refuse(order, refusals, now, needs or self._needs_of_report(order, refusals))
        elif doubt is not None:
            self.ledger.record_intent(order, now)
            self.ledger.note(order.client_order_id, now, f"DOUBT: {doubt}")
        else:
            self.execution.carry_out(order, Event.WANTED, now)

    def first_unopposed(self, candidates: Sequence[SizedEntry]) -> SizedEntry:
        """The first that nothing is on the other side of; the very first if none is so.

        An entry that is recorded already stays the one that it was recorded for.
        """
        recorded = self.ledger.order(candidates[0].order.client_order_id)
        for entry in candidates if len(candidates) > 1 else ():
            if recorded is not None and recorded.plan_id == entry.order.plan_id:
                return entry
            if recorded is None and not self.checks.netted(entry.order):
                return entry
        return candidates[0]

    def allowed_price(self, order: Order, price: float, now: datetime) -> float | None:
        """`price`, the entry's own if nothing but the other is refused, None if both are.

        Prices in USD a share, of an entry that rests or was canceled and would be sent again in its
        own place. Raises :class:`BrokerDoubtError` while the broker does not answer.
        """
        for candidate in (price, order.limit_price):
            following = with_next_attempt(order, order.client_order_id, candidate)
            refusals, doubt = self._refusals(following, now)
            if doubt is not None and not refusals:
                raise BrokerDoubtError(doubt)
            if not refusals:
                return candidate
        return None

    def _needs_of_report(self, order: Order, refusals: Sequence[str]) -> str | None:
        """What an entry would need that a report refuses, and the report; None for others."""
        refused = self.checks.refused_by_report(order)
        if refused is None or refused.code not in refusals:
            return None
        return f"{refused.needs} (known now: {refused.report or 'no date'})"

    def _refuse(
        self, order: Order, refusals: Sequence[str], now: datetime, needs: str | None = None
    ) -> None:
        """Record an entry as not sent, unless it was sent."""
        recorded = self.ledger.record_intent(replace(order, status="intent"), now)
        if recorded.status == "intent":
            codes = ",".join(refusals)
            detail = codes if needs is None else f"{codes}: {needs}"
            self.ledger.record(recorded.to("not_sent", reason=codes), now, detail=detail)

    def cancel_all(self, now: datetime) -> list[Order]:
        """Cancel the entries that rest at the broker, for good; those that may still fill."""
        still_working = []
        stopped = entries_stopped(self.ledger) or HALTED
        for order in self.ledger.working_orders():
            if order.purpose != "entry":
                continue
            if order.status == "intent":
                self._refuse(order, [stopped], now)
                continue
            if order.reason == REPRICE:
                order = replace(order, reason=stopped)  # noqa: PLW2901
                self.ledger.record(order, now, detail=stopped)
            after = self.execution.carry_out(order, Event.UNWANTED, now)
            if after.status in WORKING:
                still_working.append(after)
        with suppress(BrokerDoubtError):
            cancel_unrecorded(self.ledger, self.execution.broker, ("entry",))
        return still_working

    def _refusals(self, order: Order, now: datetime) -> tuple[list[str], str | None]:
        """Codes of what forbids an entry now, and what the broker could not say about it."""
        differences = [
            difference
            for difference in self.reconciler.run(now, order.session)
            if difference.subject != order.client_order_id
        ]
        doubt = next((each.text for each in differences if each.code == NO_BROKER), None)
        refusals: list[str] = []
        if self.ledger.halted() is None:
            try:
                if doubt is not None:
                    refusals = self.checks.rules_broken(order)
                else:
                    refusals = self.checks.refusals(order, differences)
            except BrokerDoubtError as error:
                doubt = str(error)
        if self._has_filled_before(order):
            refusals = [*refusals, FILLED_BEFORE]
        # A halt may have come during the checks.
        if not refusals and (stopped := entries_stopped(self.ledger)) is not None:
            refusals = [stopped]
        return refusals, doubt

    def _has_filled_before(self, order: Order) -> bool:
        """Whether another attempt of the entry has filled after all."""
        return any(
            (o.purpose, o.position_id) == ("entry", order.position_id)
            and o.client_order_id != order.client_order_id
            and o.filled_qty
            for o in self.ledger.orders(session=order.session)
        )
