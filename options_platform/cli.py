"""The command line: dispatches, and turns expected errors into one line each.

Importing this module loads nothing but argparse; each command imports what it needs.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from options_platform.commands.terminal.arguments import build_parser
from options_platform.errors import PlatformError, UsageError

# command -> (module in options_platform.commands, function)
COMMANDS = {
    "demo": ("demo", "demo"),
    "backfill": ("runs", "backfill"),
    "daily": ("runs", "daily"),
    "add": ("adding", "add"),
    "status": ("status", "status"),
    "report": ("reading", "report"),
    "orders": ("reading", "orders"),
    "positions": ("reading", "positions"),
    "features-export": ("reading", "features_export"),
    "models": ("models", "models"),
    "research": ("research", "research"),
    "backtest": ("backtests.backtest", "backtest"),
    "study": ("backtests.study", "study"),
    "search": ("search", "search"),
    "record": ("record", "record"),
    "feasibility": ("feasibility", "feasibility"),
    "reconcile": ("trading", "reconcile"),
    "work": ("trading", "work"),
    "halt": ("trading", "halt"),
    "resume": ("trading", "resume"),
    "flatten": ("trading", "flatten"),
    "go-live": ("go_live", "go_live"),
    "alerts": ("alerts", "alerts"),
    "rehearse": ("rehearse", "rehearse"),
    "fake-alpaca": ("fake_alpaca", "fake_alpaca"),
    "doctor": ("care", "doctor"),
    "backup": ("care", "backup"),
    "restore": ("care", "restore"),
    "quarantine": ("market", "quarantine"),
    "bars": ("market", "bars"),
    "earnings": ("earnings", "earnings"),
    "import": ("importing", "import_files"),
    "chain-snapshot": ("market", "chain_snapshot"),
    "ui": ("ui", "ui"),
    "dashboard": ("dashboard", "dashboard"),
    "metrics": ("metrics", "metrics"),
    "mlflow": ("mlflow", "mlflow"),
    "config": ("config", "config"),
    "new": ("extending.new", "new"),
    "completion": ("terminal.completion", "completion"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 only if it did everything that it was asked to do."""
    with _interrupts() as interrupts:
        return _run(arguments, interrupts)


def _run(arguments: Sequence[str] | None, interrupts: list[int]) -> int:
    try:
        args = build_parser().parse_args(arguments)
        _choose_home(args.home_first, args.home)
        module, function = COMMANDS[args.command]
        run = getattr(importlib.import_module(f"options_platform.commands.{module}"), function)
        try:
            return int(run(args) or 0)
        finally:
            # Whoever interrupts a command waits for nothing; the next reader publishes.
            if not interrupts:
                _publish_changes()
    except PlatformError as error:
        return _print_error(error)
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return _print_interrupted()
    except Exception as error:
        if interrupts:
            return _print_interrupted()
        from options_platform.adapters.storage.storage_faults import storage_fault

        fault = storage_fault(error, os.environ.get("OPTIONS_HOME", "the home"))
        if fault is None:
            raise
        return _print_error(fault)


def _publish_changes() -> None:
    """Publish what the command has changed for readers; nothing to load if it changed no store."""
    if "options_platform.adapters.storage.changes" in sys.modules:
        from options_platform.adapters.storage.changes import changed_here

        if changed_here():
            from options_platform.adapters.storage.published.refreshing import publish_changes

            publish_changes()


def _choose_home(*given: str | None) -> None:
    """Make the home that the arguments name that of this process and of those that it starts.

    It may be given before or after the command. Raises :class:`UsageError` for two of them.
    """
    homes = list(dict.fromkeys(home for home in given if home is not None))
    if len(homes) > 1:
        raise UsageError(f"two homes are given, {' and '.join(homes)}; give --home once")
    if homes == [""]:
        raise UsageError("--home is empty; give a folder, e.g. --home ~/options")
    if homes:
        os.environ["OPTIONS_HOME"] = homes[0]


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collects the SIGINTs that come meanwhile; each raises KeyboardInterrupt as before.

    A library may turn that exception into one of its own: polars makes a TypeError of it.
    """
    arrived: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if usual is not signal.default_int_handler or not in_main_thread:
        yield arrived
        return

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        arrived.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield arrived
    finally:
        signal.signal(signal.SIGINT, usual)


def _print_interrupted() -> int:
    print("options-platform: interrupted", file=sys.stderr)
    return 130


def _print_error(error: PlatformError) -> int:
    print(f"options-platform: {error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
