"""`demo`: runs the whole platform on the bundled sample, from bars to a replay and a report."""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import options_platform
from options_platform.commands.common import ConsoleProgress, ready_settings, say
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.calendar.sessions import sessions as sessions_between
from options_platform.domain.calendar.sessions import shift
from options_platform.errors import UsageError
from options_platform.formats import count
from options_platform.settings import Settings

if TYPE_CHECKING:
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.common import PartitionRange

STAMP = "demo.sha256"


def demo(args: argparse.Namespace) -> int:
    """The demo of the bundled sample, or with `--stocks` that of an earnings season."""
    if args.stocks:
        from options_platform.commands.demo_stocks import demo_stocks

        return demo_stocks()
    return _demo_of_sample(args)


def _demo_of_sample(args: argparse.Namespace) -> int:
    """Backfill missing sessions, run the newest, replay the last ones, backtest, write the report.

    The source is the bundled sample, whatever options.toml says, unless `OPTIONS_SOURCE` is set.

    Raises :class:`UsageError` for a number of sessions outside 2 to 250.
    """
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.commands.demo_summary import show_alerts, show_next, show_trading
    from options_platform.common import PartitionRange
    from options_platform.reporting.report import report_path
    from options_platform.runs import run_backtest, run_job, run_reporting
    from options_platform.services.market_data.session_bounds import first_date, newest_date
    from options_platform.services.trading.account_state import alerts_of
    from options_platform.services.trading.prices.stored_closes import stored_market
    from options_platform.services.trading.replay import (
        account_words,
        plans_anew,
        replay,
        side_by_side,
    )
    from options_platform.services.trading.summary import trading_summary

    if not 2 <= args.sessions <= 250:
        raise UsageError(f"--sessions {args.sessions}: choose 2 to 250 sessions to replay")
    began = time.monotonic()
    os.environ.setdefault("OPTIONS_SOURCE", "sample")
    settings = ready_settings()
    if "OPTIONS_BASELINES" not in os.environ:
        # They take a fifth of the time, and the naive forecasts stay.
        settings = replace(settings, baselines=())
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    newest = newest_date(settings, datetime.now(UTC))
    progress = ConsoleProgress()
    say(f"1. Home {settings.home}, source {settings.source}, {', '.join(settings.tickers)}")

    history = PartitionRange(first_date(settings), shift(newest, -1), settings.tickers)
    if _is_current(settings, warehouse, history):
        say("2. The history was stored by this code with these settings: nothing to backfill")
    else:
        days = len(sessions_between(history.start, history.end))
        say(
            f"2. Backfill of {count(days, 'session')}, {history.start} to {history.end}: ten assets"
        )
        run_job(settings, history, progress=progress, backfill=True)
        (settings.home / STAMP).write_text(_fingerprint(settings))

    say(f"3. The newest session, {newest}, as the nightly schedule runs it")
    run_job(settings, PartitionRange(newest, newest, settings.tickers), progress=progress)

    replayed = sessions_to_replay(_traded_dates(warehouse), newest, args.sessions)
    trading = side_by_side(settings)
    which = "the last" if replayed[-1] == newest else "the newest with a trade:"
    say(
        f"4. Replay of {which} {count(len(replayed), 'session')}, {replayed[0]} to {replayed[-1]}, "
        f"into a separate ledger{': ' if trading.budgets else ''}{account_words(trading)}"
    )
    made = plans_anew(trading, warehouse, replayed[0], replayed[-1])
    ledger = replay(trading, warehouse, replayed, datetime.now(UTC), progress, made)

    say("5. Backtest of the rules over all stored predictions, with naive baselines")
    run_backtest(settings, progress)

    say("6. SQL marts and the report")
    run_reporting(settings)
    summary = trading_summary(trading, ledger, stored_market(warehouse))
    if summary is not None:
        say()
        show_trading(summary)
    say()
    show_alerts(alerts_of(trading, ledger, datetime.now(UTC)))
    say()
    show_next(settings, report_path(settings), time.monotonic() - began)
    return 0


def sessions_to_replay(traded: Sequence[date], newest: date, count: int) -> list[date]:
    """The last `count` sessions; if they plan no trade, `count` sessions that include one.

    Those begin on the session before the newest planned trade.

    Args:
        traded: dates with a planned trade, ascending.
        newest: the newest session.
        count: number of sessions to replay.
    """
    last = sessions_between(shift(newest, 1 - count), newest)
    # A plan's order works in the next session, so a trade planned on the newest shows no fill.
    before = [day for day in traded if day < newest]
    if not before or before[-1] >= last[0]:
        return last
    return sessions_between(shift(before[-1], -1), newest)[:count]


def _traded_dates(warehouse: Warehouse) -> list[date]:
    plans = warehouse.read(TRADE_PLAN, columns=["date", "decision"])
    dates: list[date] = plans.filter(plans["decision"] == "trade")["date"].unique().sort().to_list()
    return dates


def _is_current(settings: Settings, warehouse: Warehouse, history: PartitionRange) -> bool:
    """Whether every plan of the history was stored by this code with these settings."""
    stamp = settings.home / STAMP
    if not stamp.exists() or stamp.read_text() != _fingerprint(settings):
        return False
    keys = warehouse.read(
        TRADE_PLAN, columns=["date", "ticker"], tickers=settings.tickers, end=history.end
    )
    wanted = len(sessions_between(history.start, history.end)) * len(settings.tickers)
    return keys.filter(keys["date"] >= history.start).height == wanted


def _fingerprint(settings: Settings) -> str:
    """Hash of the settings and of the package's code."""
    package = Path(options_platform.__file__).parent
    digest = hashlib.sha256(repr(settings).encode())
    for file in sorted(package.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
