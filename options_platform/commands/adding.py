"""`add`: take tickers into the settings, and compute their history."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from options_platform.commands.common import ready_settings, say
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import UsageError
from options_platform.settings import Settings
from options_platform.settings.universes import expanded
from options_platform.settings.writing import (
    BY_VARIABLE,
    line_of,
    why_not_writable,
    write_tickers,
    written_names,
)


def add(args: argparse.Namespace) -> int:
    """Say what adding tickers does, write them into `options.toml`, and run the backfill.

    Names may be universes. Where no file can be written, the line is shown, and the backfill runs
    with it. Raises :class:`UsageError` for a ticker that the source has no bar of and without a
    confirmation, and :class:`SettingsError` for a file that cannot be changed; nothing is changed.
    """
    settings = ready_settings()
    tickers, names = _new(args.tickers, settings)
    if not tickers:
        say(f"Already among the tickers: {', '.join(args.tickers)}. Nothing is to be done.")
        return 0
    _say_what(settings, tickers)
    directory = Path.cwd()
    written = [*written_names(directory, os.environ, settings.tickers), *names]
    reason = why_not_writable(directory, os.environ)
    if reason is None:
        say(f"Setting: {', '.join(names)} in the tickers of {directory / 'options.toml'}.")
    else:
        say(f"Setting: {reason}, so write this yourself, for the commands after this one:")
        say(f"  {line_of(written)}")
    if not args.yes:
        _require_yes()
    if reason is None:
        write_tickers(directory, written, names)
        say("Written.")
    else:
        os.environ[BY_VARIABLE] = ",".join(written)
    from options_platform.commands.runs import backfill

    return backfill(
        argparse.Namespace(
            start=None, end=None, tickers=None, select=None, rebuild=None, strict=False
        )
    )


def _new(wanted: list[str], settings: Settings) -> tuple[list[str], list[str]]:
    """The tickers that the settings do not have, and the names to write, of `wanted`."""
    chosen = list(dict.fromkeys(wanted))
    tickers = [t for t in expanded(chosen, settings.universes).tickers if require_ticker(t)]
    new = [ticker for ticker in tickers if ticker not in settings.tickers]
    is_new = {n: {*expanded([n], settings.universes).tickers} & {*new} for n in chosen}
    return new, [name for name in chosen if is_new[name]]


def _say_what(settings: Settings, tickers: list[str]) -> None:
    from options_platform.services.backtesting.membership import hindsight_note, late_stocks
    from options_platform.services.market_data.added_tickers import addition, require_bars
    from options_platform.services.market_data.platform import make_platform

    platform = make_platform(settings)
    source = platform.source()
    what = addition(settings, platform.warehouse, source, tickers, datetime.now(UTC))
    require_bars(source, tickers, what.first, what.last)
    say(f"To add {', '.join(tickers)} to {', '.join(settings.tickers)}:")
    for line in what.in_words():
        say(f"  {line}")
    if note := hindsight_note(late_stocks(settings, tickers)):
        say(f"  {note}")


def _require_yes() -> None:
    if not sys.stdin.isatty():
        raise UsageError("add needs a confirmation before it writes and computes: --yes")
    if input("Do this? Type yes: ").strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was added")
