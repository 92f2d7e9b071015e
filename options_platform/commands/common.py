"""Shared by the commands: settings with a ready home, printing, progress, and Optuna."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from options_platform.adapters.storage.home import enter_home, prepare_home
from options_platform.errors import PlatformError
from options_platform.logs import configure_logs
from options_platform.services.forward.recorded_exits import with_recorded_exits
from options_platform.settings import Settings, load_settings

SECONDS_BETWEEN_LINES = 2.0


def ready_settings(rule_set: str | None = None) -> Settings:
    """The settings, with their home created, checked and entered.

    `rule_set` takes the place of the set that they choose.
    """
    settings = with_recorded_exits(load_settings(rule_set=rule_set))
    prepare_home(settings)
    enter_home(settings)
    configure_logs(settings.logs_path)
    if settings.is_live:
        warn_live()
    for name, why in settings.lost_sets.items():
        warn(f"RULE SET {name} CANNOT BE READ and enters nothing until it is mended: {why}")
    return settings


def warn_live() -> None:
    """Warn on standard error that orders move real money."""
    text = "LIVE TRADING: these orders move REAL MONEY (alpaca.live is on)"
    line = "!" * (len(text) + 8)
    print(f"{line}\n!!! {text} !!!\n{line}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a line apart from the results, on standard error."""
    print(text, file=sys.stderr, flush=True)


def say(text: str = "") -> None:
    """Print a line for people, at once."""
    print(text, flush=True)


def print_json(value: object) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as an aligned table."""
    texts = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [
        max(len(name), *(len(line[at]) for line in texts)) if texts else len(name)
        for at, name in enumerate(columns)
    ]
    for line in [list(columns), *texts]:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    return str(value)


class ConsoleProgress:
    """Shows progress on standard error: one line rewritten on a terminal, else a line every 2 s."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._printed_at = 0.0
        self._live = sys.stderr.isatty()
        self._width = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report that `done` of `total` parts of `what` are finished."""
        now = time.monotonic()
        if done < total and now - self._printed_at < (0.1 if self._live else SECONDS_BETWEEN_LINES):
            return
        self._printed_at = now
        text = f"  {now - self._started:6.1f} s  {what} {done}/{total}"
        if self._live:
            end = "\n" if done >= total else ""
            sys.stderr.write("\r" + text.ljust(self._width) + end)
            self._width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()


def open_optuna() -> Any:
    """The module Optuna, logging warnings only; :class:`PlatformError` if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise PlatformError("the search needs Optuna; install it: pip install optuna") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
