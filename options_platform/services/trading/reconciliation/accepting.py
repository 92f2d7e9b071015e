"""A person's acceptance: contracts and cash are recorded as the broker has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from options_platform.adapters.ports.broker import Activity
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.reconciliation.acceptance import (
    Acceptance,
    beside_changes,
    not_reported,
)
from options_platform.domain.trading.reconciliation.differences import (
    BrokerStatement,
    Difference,
    LedgerStatement,
    contract_differences,
)
from options_platform.domain.trading.reconciliation.manual_holdings import ends_by_word
from options_platform.domain.trading.reconciliation.settlement import (
    ACCEPTED,
    accepted,
    delivered_unannounced,
    settle,
)
from options_platform.errors import LedgerError
from options_platform.services.trading.reconciliation.reconcile import Reconciler
from options_platform.services.trading.reconciliation.statements import read_statement


def accept(reconciler: Reconciler, now: datetime, reason: str) -> list[Difference]:
    """Record contracts and cash as the broker has them, on a person's word; what still differs.

    Positions whose contracts are missing at the broker end (ACCEPTED), and so do missing orders.
    What the broker has beyond the positions is recorded beside them: nothing closes it.

    Raises :class:`LedgerError` where the broker shows what was not reported to the person before,
    and where contracts may have been assigned, or traded by hand, and it does not tell which.
    """
    ledger = reconciler.ledger
    reported = ledger.differences()
    # A fill that is not recorded yet is no adjustment.
    reports = reconciler.take_over(now)
    ledger_side = ledger.statement()
    broker_side = read_statement(reconciler.settling, ledger_side, now, reports)
    _require_reported(contract_differences(ledger_side.contracts, broker_side), reported)
    today = now.astimezone(NEW_YORK).date()
    for activity in _delivered(ledger_side, broker_side, today):
        open_now = ledger.positions(only_open=True)
        ledger.record_settlement(activity, settle(activity, open_now), now)
    ledger_side = ledger.statement()
    ours = ledger_side.contracts
    changes = {
        symbol: round(broker_side.contracts.get(symbol, 0)) - ours.get(symbol, 0)
        for symbol in {*ours, *broker_side.contracts}
    }
    missing = {
        symbol: quantity - _of_positions(symbol, quantity, ledger_side, broker_side)
        for symbol, quantity in ledger_side.lots.items()
    }
    open_positions = {p.position_id: p for p in ledger.positions(only_open=True)}
    after = accepted(open_positions.values(), missing, today)
    for order in ledger.unsettled_orders():
        is_late_exercise = order.purpose == "exercise" and now >= order.expires_at
        if order.status == "missing" or is_late_exercise:
            why = order.reason if order.purpose == "exit" else ACCEPTED
            ledger.record(order.to("expired", reason=why), now, detail=reason)
    base = None
    if broker_side.cash_usd is not None:
        base = broker_side.cash_usd - ledger_side.cash_flow_usd
    changed = {symbol: quantity for symbol, quantity in changes.items() if quantity}
    before = tuple(open_positions[p.position_id] for p in after)
    beside = beside_changes(ledger_side, changed, after)
    ends = ends_by_word(before, after, today)
    acceptance = Acceptance(changed, beside, before, after, ends, now)
    ledger.record_acceptance(acceptance, now, reason)
    ledger.adjust({}, base, now, reason)
    return reconciler.run(now)


def _delivered(
    ledger_side: LedgerStatement, broker_side: BrokerStatement, today: date
) -> tuple[Activity, ...]:
    """Assignments that the list shows and no activity states; the trades of a person are none."""
    by_hand, listed = broker_side.by_hand, broker_side.contracts
    delivered = delivered_unannounced(ledger_side, listed, today, by_hand or ())
    if delivered and by_hand is None:
        raise LedgerError(
            "nothing was accepted: the broker's activities cannot be read, which tell whether "
            f"{', '.join(a.symbol for a in delivered)} was assigned or traded by hand; again in a "
            "while: options-platform reconcile"
        )
    return delivered


def _require_reported(differing: Sequence[Difference], reported: Sequence[Difference]) -> None:
    """Raise :class:`LedgerError` where other contracts differ than were reported before."""
    if new := not_reported(differing, reported):
        raise LedgerError(
            f"nothing was accepted: the broker shows what was not reported before "
            f"({'; '.join(d.text for d in new[:3])}); look at it, then again: "
            "options-platform reconcile"
        )


def _of_positions(
    symbol: str, quantity: int, ledger_side: LedgerStatement, broker_side: BrokerStatement
) -> int:
    """How many of a contract at the broker are the positions', which hold `quantity` of it.

    A person's own on the other side are netted there; those on the same side may have ended.
    """
    shown, beside = round(broker_side.contracts.get(symbol, 0)), ledger_side.beside.get(symbol, 0)
    return shown - beside if beside * quantity < 0 else shown
