"""Sends what waits in the outbox: severe alerts at once, the others outside quiet hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from options_platform.adapters.notifier import Notifier
from options_platform.adapters.storage.outbox import Outbox
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.errors import NotifyError
from options_platform.formats import count
from options_platform.services.alerting.conditions import Found
from options_platform.settings import Settings

MOST_AT_ONCE = 20
MOST_FAILURES = 3
"""An address that has refused so many messages in a row is left until the next look."""


@dataclass
class Delivery:
    """How many messages were `delivered`, not delivered (`failed`), and wait for the end of the
    quiet hours (`waiting`); `problems` says of each refusal which address it was."""

    delivered: int = 0
    failed: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)
    is_elsewhere: bool = False

    @property
    def text(self) -> str:
        """The outcome in a line."""
        if self.is_elsewhere:
            return "another process delivers"
        waiting = f", {self.waiting} until the quiet hours end" if self.waiting else ""
        sent = count(self.delivered, "message")
        return f"{sent} sent, {self.failed} not delivered{waiting}"


def record(
    outbox: Outbox, found: Found, sender: Notifier, now: datetime, settings: Settings
) -> None:
    """Record what was found, with messages to the addresses, also of what must be escalated."""
    rules = settings.alerts
    outbox.record(found.conditions, sender.addresses, now, rules, are_all=found.are_all)
    outbox.record_events(found.events, sender.addresses, now)
    outbox.escalate(sender.escalation_addresses, now, rules)


def deliver(
    outbox: Outbox, notifier: Notifier, now: datetime, rules: AlertRules, most: int = MOST_AT_ONCE
) -> Delivery:
    """Send what waits, at most `most` messages to an address; one process of the home at a time.

    A message is noted as delivered at once, so a crash repeats at most the one that was underway.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(outbox.path.with_suffix(".lock"), timeout=0):
            return _deliver(outbox, notifier, now, rules, most)
    except Timeout:
        return Delivery(is_elsewhere=True)


def _deliver(
    outbox: Outbox, notifier: Notifier, now: datetime, rules: AlertRules, most: int
) -> Delivery:
    result, is_quiet = Delivery(), rules.is_quiet(now)
    for address in dict.fromkeys((*notifier.addresses, *notifier.escalation_addresses)):
        messages = outbox.undelivered([address])
        due = [one for one in messages if not is_quiet or one.severity == "critical"]
        result.waiting += len(messages) - len(due)
        failures = delivered = 0
        for message in due[:most]:
            try:
                notifier.send_to(address, message.title, message.text)
            except NotifyError as error:
                outbox.note_attempt(message, now, delivered=False)
                result.problems.append(str(error))
                failures += 1
                if failures == MOST_FAILURES:
                    break
            else:
                outbox.note_attempt(message, now, delivered=True)
                delivered += 1
        result.delivered += delivered
        result.failed += len(due) - delivered
    return result
