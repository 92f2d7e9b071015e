"""`alerts`: shows what is wrong now, notes who has seen it, and sends a test to the addresses."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from options_platform.adapters.notifier import VARIABLE, open_notifier
from options_platform.adapters.storage.outbox import OpenAlert
from options_platform.commands.common import (
    print_json,
    read_home,
    reading_settings,
    ready_settings,
    say,
    warn,
)
from options_platform.domain.trading.alert_kinds import SEVERITIES
from options_platform.domain.trading.alerts import Alert
from options_platform.errors import UsageError
from options_platform.formats import count
from options_platform.services.alerting.acknowledging import acknowledge
from options_platform.services.alerting.conditions import outbox_of
from options_platform.services.forward.alerts import forward_alerts, head_message
from options_platform.services.forward.recording import forward_record
from options_platform.services.trading.account_state import alerts_of
from options_platform.settings import Settings


def alerts(args: argparse.Namespace) -> int:
    """Show the alerts that are active, acknowledge one, or send a test message to every address.

    Raises :class:`UsageError` for a test without addresses, and for an ID that no alert has.
    """
    if args.acknowledge is not None:
        return _acknowledge(args)
    if args.by is not None:
        raise UsageError("--by says who acknowledges an alert: give --acknowledge ID too")
    settings = reading_settings()
    if args.action == "test":
        return _test(args, settings)
    conditions = _conditions(settings)
    head = head_message(forward_record(settings).read())
    noted = {alert.key: alert for alert in outbox_of(settings).lasting()}
    if args.json:
        print_json([_plain(alert, noted.get(alert.key)) for alert in conditions])
        return 0
    say(f"{count(len(conditions), 'alert')}:" if conditions else "No alerts.")
    for alert in sorted(conditions, key=lambda one: SEVERITIES.index(one.severity)):
        say(f"  {alert.title}: {alert.text}")
        say(f"    {_state(alert, noted)}")
    if any(
        alert.severity == "critical"
        and ((known := noted.get(alert.key)) is None or known.acknowledged_at is None)
        for alert in conditions
    ):
        say("To note that you have seen one: options-platform alerts --acknowledge ID")
    waiting = outbox_of(settings).undelivered()
    if waiting:
        say(
            f"{count(len(waiting), 'message')} not delivered yet, the oldest of "
            f"{min(one.made_at for one in waiting):%Y-%m-%d %H:%M} UTC."
        )
    if head is not None:
        say(f"Sent each night, {head.title}: {head.text}")
    return 0


def _conditions(settings: Settings) -> list[Alert]:
    now, copy = datetime.now(UTC), read_home(settings)
    return [
        *alerts_of(settings, copy.ledger, now, warehouse=copy.warehouse),
        *forward_alerts(settings, forward_record(settings).read(), now),
    ]


def _plain(alert: Alert, noted: OpenAlert | None) -> dict[str, object]:
    return asdict(alert) | {
        "id": alert.id,
        "severity": alert.severity,
        "since": None if noted is None else noted.since,
        "acknowledged_at": None if noted is None else noted.acknowledged_at,
        "acknowledged_by": None if noted is None else noted.acknowledged_by,
    }


def _state(alert: Alert, noted: Mapping[str, OpenAlert]) -> str:
    """Severity and ID, since when it was seen, and who has acknowledged it."""
    text = f"{alert.severity}, {alert.id}"
    if (known := noted.get(alert.key)) is not None:
        text += f", since {known.since:%Y-%m-%d %H:%M} UTC"
        if known.acknowledged_at is not None:
            seen = f"{known.acknowledged_at:%Y-%m-%d %H:%M} UTC"
            text += f", acknowledged by {known.acknowledged_by} on {seen}"
    return text


def _acknowledge(args: argparse.Namespace) -> int:
    """Note in the outbox and in the account's audit who has seen an alert."""
    if args.action == "test":
        raise UsageError("--acknowledge ID and test are two commands: give one of them")
    settings = ready_settings()
    now = datetime.now(UTC)
    done = acknowledge(settings, args.acknowledge, args.by, now, _conditions(settings))
    alert = done.alert
    if done.not_audited is not None:
        warn(f"it is noted in alerts.db, not in the account's audit: {done.not_audited}")
    if args.json:
        print_json({"id": alert.id, "title": alert.title, "by": alert.acknowledged_by})
    else:
        say(
            f"Acknowledged by {alert.acknowledged_by}: {alert.title}. It is sent again only if it "
            "grows, or ends and comes back."
        )
    return 0


def _test(args: argparse.Namespace, settings: Settings) -> int:
    notifier = open_notifier()
    if notifier is None:
        raise UsageError(
            f"no address for alerts is set; set {VARIABLE} in the environment, "
            "e.g. mailto://user:password@example.org"
        )
    text = "Alerts of options-platform arrive here."
    sent = notifier.send(f"{settings.account}: a test", text)
    if settings.home.exists():
        outbox_of(settings).note_test(notifier.addresses, datetime.now(UTC))
    if args.json:
        print_json({"sent": sent})
    else:
        say(f"Sent to {count(sent, 'address', 'addresses')}.")
    return 0
