"""`alerts`: shows what is wrong now, and sends a test message to the addresses of alerts."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime

from options_platform.adapters.notifier import VARIABLE, open_notifier
from options_platform.commands.common import print_json, read_home, reading_settings, say
from options_platform.errors import UsageError
from options_platform.formats import count
from options_platform.services.forward.alerts import forward_alerts, head_message
from options_platform.services.forward.recording import forward_record
from options_platform.services.trading.account_state import alerts_of


def alerts(args: argparse.Namespace) -> int:
    """Show the alerts that are active, or send a test message to every address.

    Raises :class:`UsageError` for a test without addresses.
    """
    settings = reading_settings()
    if args.action == "test":
        return _test(args, settings.account)
    now = datetime.now(UTC)
    chain, copy = forward_record(settings).read(), read_home(settings)
    conditions = [
        *alerts_of(settings, copy.ledger, now, warehouse=copy.warehouse),
        *forward_alerts(settings, chain, now),
    ]
    head = head_message(chain)
    if args.json:
        print_json([asdict(alert) for alert in conditions])
    else:
        say(f"{count(len(conditions), 'alert')}:" if conditions else "No alerts.")
        for alert in conditions:
            say(f"  {alert.title}: {alert.text}")
        if head is not None:
            say(f"Sent each night, {head.title}: {head.text}")
    return 0


def _test(args: argparse.Namespace, account: str) -> int:
    notifier = open_notifier()
    if notifier is None:
        raise UsageError(
            f"no address for alerts is set; set {VARIABLE} in the environment, "
            "e.g. mailto://user:password@example.org"
        )
    notifier.send(f"{account}: a test", "Alerts of options-platform arrive here.")
    sent = len(notifier.urls)
    if args.json:
        print_json({"sent": sent})
    else:
        say(f"Sent to {count(sent, 'address', 'addresses')}.")
    return 0
