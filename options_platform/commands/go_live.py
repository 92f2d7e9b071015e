"""`go-live`: what real money still waits for, and the override by a person."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime

from options_platform.commands.common import print_json, reading_settings, say
from options_platform.errors import UsageError
from options_platform.services.trading.go_live import GoLive, override, revoke
from options_platform.services.trading.go_live import go_live as gate


def go_live(args: argparse.Namespace) -> int:
    """Print the check list; 1 while the gate is closed.

    Raises :class:`UsageError` for an override without a name, a reason or real money.
    """
    settings, now = reading_settings(), datetime.now(UTC)
    if args.revoke and args.override is not None:
        raise UsageError("--override or --revoke: give one of them")
    if args.reason is not None and args.override is None:
        raise UsageError("--reason is why somebody overrides the gate: give --override NAME too")
    if args.override is not None:
        override(settings, args.override, args.reason or "", now)
    elif args.revoke and not revoke(settings, now):
        raise UsageError("no override is in force")
    found = gate(settings, now)
    if args.json:
        print_json(asdict(found) | {"is_open": found.is_open})
    else:
        _show(found)
    return 0 if found.is_open else 1


def _show(found: GoLive) -> None:
    for check in found.checks:
        todo = "" if check.passed or not check.todo else f"; {check.todo}"
        say(f"{'ok     ' if check.passed else 'MISSING'} {check.name}: {check.found}{todo}")
    if found.override is not None:
        say(f"OVERRIDDEN by {found.override}")
    elif found.is_open:
        say("The gate is open: entries for real money are sent.")
    else:
        say(
            "The gate is closed: entries for real money are not sent (GO_LIVE). To trade all the "
            "same, by name and for the audit: options-platform go-live --override NAME --reason "
            "TEXT"
        )
