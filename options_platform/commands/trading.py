"""`reconcile`, `halt` and `resume`: the hands on paper trading."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.ledger import open_ledger
from options_platform.adapters.paper_trading import PaperTrading
from options_platform.commands.common import print_json, ready_settings, say


def reconcile(args: argparse.Namespace) -> int:
    """Bring the ledger's working orders to what the broker says; 1 if the two still differ."""
    settings = ready_settings()
    service = PaperTrading(open_ledger(settings), open_broker(settings), settings)
    differences = service.reconcile(datetime.now(UTC))
    if args.json:
        print_json(differences)
    else:
        say("Ledger and broker agree." if not differences else "Ledger and broker differ:")
        for line in differences:
            say(f"  {line}")
    return 1 if differences else 0


def halt(args: argparse.Namespace) -> int:
    """Refuse new orders until resumed; exits go on."""
    open_ledger(ready_settings()).halt(args.reason)
    return _tell(args, "halted", f"New orders are halted ({args.reason}); exits go on.")


def resume(args: argparse.Namespace) -> int:
    """Allow new orders again."""
    open_ledger(ready_settings()).resume()
    return _tell(args, "running", "New orders are allowed again.")


def _tell(args: argparse.Namespace, state: str, text: str) -> int:
    if args.json:
        print_json({"state": state, "reason": args.reason})
    else:
        say(text)
    return 0
