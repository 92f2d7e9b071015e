"""What a person is alerted to now: conditions of the account, and events of the forward record."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from options_platform.adapters.storage.forward_record import ForwardRecord, WatchedRecord
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.outbox import Outbox
from options_platform.adapters.storage.outbox.file import FILE
from options_platform.domain.trading.alerts import Alert
from options_platform.errors import DamagedError, HomeError
from options_platform.services.forward.alerts import HEAD, forward_alerts, head_message, lost_head
from options_platform.services.trading.account_state import UNUSABLE, alerts_of
from options_platform.services.trading.home_copy import home_copy
from options_platform.settings import Settings

RUN = "run"
"""What the keys of failed runs begin with; the id of the run follows."""


@dataclass(frozen=True)
class Found:
    """The conditions that hold, and the events that a person hears of once.

    `are_all` is False where the ledger cannot be used: other conditions of it may last unseen.
    """

    conditions: Sequence[Alert]
    events: Sequence[Alert]

    @property
    def are_all(self) -> bool:
        """Whether a condition that is not among them has ended."""
        return all(alert.key != UNUSABLE for alert in self.conditions)


def outbox_of(settings: Settings) -> Outbox:
    """The outbox of the home; a damaged one is set aside, and all that lasts is sent again."""
    outbox = Outbox(settings.home / FILE)
    try:
        outbox.lasting()
    except DamagedError:
        aside = outbox.path.with_name(f"{FILE}.damaged-{os.getpid()}-{time.time_ns()}")
        # Another process may have set it aside already.
        with suppress(FileNotFoundError):
            outbox.path.replace(aside)
    return outbox


def failed_run(run_id: str, job: str, why: str) -> Alert:
    """The event that a run failed, whoever sees it first."""
    return Alert(f"{RUN} {run_id}", f"run of {job} failed", why)


def look(
    settings: Settings, outbox: Outbox, record: WatchedRecord | ForwardRecord, now: datetime
) -> Found:
    """What a person is alerted to now.

    Raises :class:`WarehouseBusyError` while another process holds a store that is read.
    """
    conditions = _of_account(settings, now)
    try:
        chain = record.read()
    except HomeError as error:
        unreadable = Alert("forward unreadable", "the forward record cannot be read", str(error))
        return Found([*conditions, unreadable], [])
    conditions += forward_alerts(settings, chain, now)
    events = (lost_head(chain, outbox.delivered_keys(f"{HEAD} ")), head_message(chain))
    return Found(conditions, [event for event in events if event is not None])


def _of_account(settings: Settings, now: datetime) -> list[Alert]:
    """From the published copy, or from the stores if it could not be renewed: no alert may wait
    for that."""
    copy = home_copy(settings)
    if copy.behind is None or copy.is_at_work:
        return alerts_of(settings, copy.ledger, now, warehouse=copy.warehouse)
    return alerts_of(settings, open_ledger(settings), now)
