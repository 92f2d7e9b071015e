"""Notes who has seen an alert: in the account's audit, and in the outbox, so that it is quiet."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.outbox import OpenAlert
from options_platform.domain.trading.alerts import Alert
from options_platform.errors import LedgerError, UsageError
from options_platform.services.alerting.conditions import outbox_of
from options_platform.settings import Settings

EVENT = "acknowledged"
LONGEST_NAME = 80


@dataclass(frozen=True)
class Acknowledged:
    """The alert as it is now; `not_audited` says why the account's audit could not be written."""

    alert: OpenAlert
    not_audited: str | None


def acknowledge(
    settings: Settings, alert_id: str, by: str | None, now: datetime, conditions: Sequence[Alert]
) -> Acknowledged:
    """Acknowledge the alert of that id, among those recorded and the `conditions` that hold now.

    `by` is a person's name, by default the user's of this process; who was first stays. Raises
    :class:`UsageError` if no alert of that id lasts, or for an unusable name, and
    :class:`WarehouseBusyError` while another process holds the ledger. One that cannot be used
    keeps no alert from being acknowledged: the alert may be just that.
    """
    name = " ".join((by or _user()).split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"--by is a name of 1 to {LONGEST_NAME} characters")
    wanted, outbox = alert_id.strip().lower(), outbox_of(settings)
    # What no sensor has recorded yet is recorded now, for addresses of later.
    if any(alert.id == wanted for alert in conditions):
        outbox.record(conditions, [], now, settings.alerts, are_all=False)
    lasting = [alert for alert in outbox.lasting() if alert.id == wanted]
    if not lasting:
        raise UsageError(
            f"no alert that lasts has the ID {alert_id!r}; see them: options-platform alerts"
        )
    problem = None
    if any(alert.acknowledged_at is None for alert in lasting):
        try:
            _write_audit(settings, f"{wanted} by {name}: {lasting[0].title}", now)
        except LedgerError as error:
            problem = str(error)
    return Acknowledged(next(iter(outbox.acknowledge(wanted, name, now)), lasting[0]), problem)


def _write_audit(settings: Settings, text: str, now: datetime) -> None:
    ledger = open_ledger(settings)
    if ledger.exists:
        ledger.keep(EVENT, None, now, event=text)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
