"""`fake-alpaca`: serves a fake Alpaca on this machine, to try trading without an account."""

from __future__ import annotations

import argparse
import threading

from options_platform.commands.common import print_json, say
from options_platform.errors import UsageError
from options_platform.fake_alpaca import FakeAlpaca


def fake_alpaca(args: argparse.Namespace) -> int:
    """Serve until interrupted; the account is lost when the server stops."""
    try:
        server = FakeAlpaca(port=args.port, fills=args.fills, cash_usd=args.cash, seed=args.seed)
    except OSError as error:
        raise UsageError(f"port {args.port} is taken ({error.strerror}); give another") from error
    with server:
        if args.json:
            print_json({"address": server.address, "fills": args.fills})
        else:
            say(f"A fake Alpaca serves at {server.address}; its orders reach no market. Use it:")
            say(f"  export OPTIONS_BROKER=alpaca OPTIONS_ALPACA__FAKE_ADDRESS={server.address}")
            say("  options-platform daily   # with OPTIONS_SOURCE=simulated or yahoo")
        threading.Event().wait()
    return 0
