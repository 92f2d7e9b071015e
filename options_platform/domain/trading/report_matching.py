"""Which order of ours a report of the broker is of, where both name the same id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from options_platform.domain.trading.orders import Order, contracts_of
from options_platform.domain.trading.reports import BrokerOrder


def matched(order: Order, report: BrokerOrder, now: datetime) -> Order | None:
    """The order as the report shows that it was sent; None where the report is of another order.

    A ledger that was restored from a backup has as an intent what the broker has received: such an
    order counts as placed `now`. The id of an exit says which position it closes, though not how
    much of it, so the number of its spreads may differ.

    Raises :class:`LedgerError` for a report that cannot be: fewer spreads filled than before, or
    more than were ordered.
    """
    reported = _as_sent(order, report, now)
    if reported is not None:
        reported.shown(report.status, filled_qty=report.filled_qty)
    return reported


def _as_sent(order: Order, report: BrokerOrder, now: datetime) -> Order | None:
    if report.contracts is None or report.contracts == contracts_of(order):
        is_intent = order.status == "intent"
        return replace(order, placed_at=order.placed_at or now) if is_intent else order
    spreads = _spreads_of(order, report.contracts)
    if order.status == "intent" and order.purpose == "exit" and spreads is not None:
        return replace(order, contracts=spreads, placed_at=now)
    return None


def _spreads_of(order: Order, contracts: Mapping[str, int]) -> int | None:
    """How many spreads of the order's legs trade those contracts; None if they are others."""
    of_one_spread = contracts_of(replace(order, contracts=1))
    spreads = max(
        (abs(contracts.get(symbol, 0) // ratio) for symbol, ratio in of_one_spread.items())
    )
    return spreads if contracts_of(replace(order, contracts=spreads)) == contracts else None
