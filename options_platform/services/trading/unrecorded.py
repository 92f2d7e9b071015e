"""Orders of this account that rest at the broker, and by the ledger do not."""

from __future__ import annotations

from collections.abc import Sequence

from options_platform.adapters.ports.broker import Broker, BrokerDoubtError, BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.orders import Purpose
from options_platform.domain.trading.reconciliation.adoption import adopted_entry, purpose_of
from options_platform.errors import BrokerError


def cancel_unrecorded(ledger: Ledger, broker: Broker, purposes: Sequence[Purpose]) -> list[str]:
    """Cancel orders with ids of our pattern that the ledger does not have, or has as ended.

    Returns sentences on those that could not be canceled. Raises :class:`BrokerDoubtError` while
    the broker's orders cannot be listed.
    """
    problems = []
    for report in broker.working():
        recorded = ledger.order(report.client_order_id)
        purpose = purpose_of(report.client_order_id)
        if purpose not in purposes or (recorded is None and not _may_be_ours(report, ledger)):
            continue
        if recorded is not None and not recorded.is_final:
            continue
        try:
            broker.cancel(report.client_order_id)
        except BrokerError as cause:
            if recorded is None or isinstance(cause, BrokerDoubtError):
                problems.append(f"{report.client_order_id} rests, and is not canceled: {cause}")
            # Else the list lags behind: it has ended, as the ledger has it.
    return problems


def _may_be_ours(report: BrokerOrder, ledger: Ledger) -> bool:
    """Whether an id of our pattern is ours; that of an exit may be, as its position is unknown."""
    is_entry = purpose_of(report.client_order_id) == "entry"
    return not is_entry or adopted_entry(report, ledger.account) is not None
