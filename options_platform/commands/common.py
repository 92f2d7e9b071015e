"""Shared by the commands: settings with a ready home, printing, progress, and Optuna."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from options_platform.adapters.storage.home import (
    enter_home,
    is_home,
    prepare_home,
    require_possible_home,
)
from options_platform.commands.terminal.console import (
    bar_line,
    styled,
    table_lines,
    width_of,
    wrapped,
)
from options_platform.errors import PlatformError, SettingsError
from options_platform.formats import cell
from options_platform.logs import configure_logs
from options_platform.services.forward.recorded_exits import with_recorded_exits
from options_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.services.trading.home_copy import HomeCopy

SECONDS_BETWEEN_LINES = 2.0


def ready_settings(rule_set: str | None = None) -> Settings:
    """The settings, with their home created, checked and entered.

    `rule_set` takes the place of the set that they choose.
    """
    return enter_settings(load_settings(rule_set=rule_set))


def enter_settings(settings: Settings) -> Settings:
    """The settings with the recorded exits, with their home created, checked and entered."""
    settings = with_recorded_exits(settings)
    prepare_home(settings)
    return _entered(settings)


def reading_settings(rule_set: str | None = None) -> Settings:
    """As :func:`ready_settings`, for a command that only reads: it makes no home of a folder."""
    settings = with_recorded_exits(load_settings(rule_set=rule_set))
    if is_home(settings.home):
        prepare_home(settings)
        return _entered(settings)
    require_possible_home(settings.home)
    return settings


def of_stored_source(
    settings: Settings, warehouse: Warehouse, rule_set: str | None = None
) -> Settings:
    """The settings with the source of the stored bars, and its defaults of start, end and tickers.

    The settings themselves, unless those bars are of another market than their source. Results are
    shown as what they rest on, also where the source that made them is no longer set.
    """
    from options_platform.services.market_data.one_market import other_market

    source = other_market(settings, warehouse)
    if source is None:
        return settings
    environment = {**os.environ, "OPTIONS_SOURCE": source, "OPTIONS_HOME": str(settings.home)}
    try:
        return with_recorded_exits(load_settings(environment=environment, rule_set=rule_set))
    except SettingsError:
        # A source of files, whose folder is not set any more.
        return replace(settings, source=source)


def say_proxy(settings: Settings) -> None:
    """Print that results rest on other series than the tickers' own, where they do."""
    from options_platform.services.market_data.one_market import proxy_note

    if note := proxy_note(settings):
        say(note)


def _entered(settings: Settings) -> Settings:
    enter_home(settings)
    configure_logs(settings.logs_path)
    if settings.is_live:
        warn_live()
    for name, why in settings.lost_sets.items():
        warn(f"RULE SET {name} CANNOT BE READ and enters nothing until it is mended: {why}")
    return settings


def read_home(settings: Settings) -> HomeCopy:
    """The published copy of the home; a warning says so if a store is ahead of it."""
    from options_platform.services.trading.home_copy import home_copy

    copy = home_copy(settings)
    if copy.behind is not None:
        warn(f"shown {copy.behind}")
    return copy


def warn_live() -> None:
    """Warn on standard error that orders move real money."""
    text = "LIVE TRADING: these orders move REAL MONEY (alpaca.live is on)"
    line = "!" * (len(text) + 8)
    print(f"{line}\n!!! {text} !!!\n{line}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a line apart from the results, on standard error."""
    print(text, file=sys.stderr, flush=True)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line for people, at once; a long one is wrapped, and a terminal shows the style."""
    for line in wrapped(text, width_of(sys.stdout)):
        print(styled(line, style) if style and line else line, flush=True)


def print_json(value: object) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    headings: Mapping[str, str] | None = None,
) -> None:
    """Print rows as an aligned table; the names of the columns say how numbers are written.

    `headings` are shown in place of some names.
    """
    texts = [[cell(row.get(name), name) for name in columns] for row in rows]
    shown = [(headings or {}).get(name, name) for name in columns]
    for line in table_lines(shown, texts, sys.stdout):
        print(line, flush=True)


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
        text = f"  {now - self._started:6.1f} s  {what} {done:,}/{total:,}"
        if self._live:
            self._rewrite(text, done, total)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _rewrite(self, text: str, done: int, total: int) -> None:
        """Put a line with a bar in place of the one before; the last one of a step stays."""
        line = bar_line(text, done, total, sys.stderr)
        blanks = " " * max(0, self._width - len(text))
        sys.stderr.write(f"\r{line}{blanks}" + ("\n" if done >= total else ""))
        self._width = len(text)


def open_optuna() -> Any:
    """The module Optuna, logging warnings only; :class:`PlatformError` if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise PlatformError("the search needs Optuna; install it: pip install optuna") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
