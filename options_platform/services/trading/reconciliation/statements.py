"""The broker's side of a comparison, and how far back its orders are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from options_platform.adapters.ports.broker import BrokerDoubtError, BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import WORKING, Order
from options_platform.domain.trading.reconciliation.differences import (
    BrokerStatement,
    LedgerStatement,
)
from options_platform.services.trading.reconciliation.settlement import Settling
from options_platform.settings.broker_rules import ReconcileRules


def compared_since(
    ledger: Ledger, unsettled: Sequence[Order], now: datetime, rules: ReconcileRules
) -> datetime:
    """The moment from which final orders are compared: the ledger's last mark, if that is earlier.

    A ledger from a backup has nothing of what came after it.
    """
    since = now - timedelta(days=rules.lookback_days)
    opened = [p.opened_on for p in ledger.positions(only_open=True)]
    last_recorded = ledger.last_marked() or min(opened, default=None)
    if last_recorded is not None:
        since = min(since, datetime.combine(last_recorded, datetime.min.time(), NEW_YORK))
    placed = [
        order.placed_at
        for order in unsettled
        if order.placed_at is not None and order.status != "missing"
    ]
    return min([since, *placed])


def read_statement(
    settling: Settling,
    ledger_side: LedgerStatement,
    now: datetime,
    orders: Mapping[str, BrokerOrder],
) -> BrokerStatement:
    """The broker's side of a comparison; `orders` are its reports by order id."""
    ledger, broker = settling.ledger, settling.execution.broker
    since = compared_since(
        ledger, [o for o in ledger_side.orders if o.status in WORKING], now, settling.rules
    )
    asked = {
        order.client_order_id
        for order in ledger_side.orders
        if order.purpose != "exercise"
        and (
            order.status in (*WORKING, "missing")
            or order.client_order_id in orders
            or (order.placed_at is not None and order.placed_at >= since)
        )
    }
    account = broker.account()
    ledger.require_account(account.number)
    clock = broker.clock()
    contracts = {h.symbol: h.quantity for h in broker.holdings()}
    causes: dict[str, str] = {}
    by_hand: dict[str, datetime] | None = {}
    if contracts != ledger_side.contracts:
        try:
            causes, by_hand = settling.causes(orders, since.date())
        except BrokerDoubtError:
            by_hand = None
    return BrokerStatement(
        orders={name: (report.status, report.filled_qty) for name, report in orders.items()},
        asked=frozenset(asked),
        contracts=contracts,
        cash_usd=account.cash_usd,
        causes=causes,
        clock=None if clock is None else clock.now,
        by_hand=by_hand,
    )
