"""`quarantine`, `bars` and `chain-snapshot`: rows set aside, stored bars, today's chains."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import (
    print_json,
    print_table,
    read_home,
    reading_settings,
    ready_settings,
    say,
)
from options_platform.contracts import QUARANTINE, RAW_OHLCV, REVISIONS
from options_platform.domain.market.as_of import as_of
from options_platform.domain.market.bars import require_ticker
from options_platform.domain.market.quarantine import ADVICE, decide, with_close
from options_platform.errors import UsageError

ENTRY_COLUMNS = ("date", "ticker", "rule", "severity", "status", "close", "source", "note")
BAR_COLUMNS = ("date", "open", "high", "low", "close", "adj_close", "volume", "bad_reason")


def quarantine(args: argparse.Namespace) -> int:
    """List the rows that were set aside, or accept or reject the row of one session.

    Raises :class:`UsageError` if a decision names no ticker, no session or no single row.
    """
    settings = reading_settings()
    stored = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    # A decision replaces what is stored, so it begins from there.
    shown = read_home(settings).warehouse if args.action == "list" else stored
    entries = shown.read(QUARANTINE, start=args.date, end=args.date)
    if args.ticker:
        entries = entries.filter(pl.col("ticker") == require_ticker(args.ticker))
    if args.action == "list":
        return _list(args, entries)
    if not args.ticker or not args.date:
        raise UsageError(
            f"quarantine {args.action} needs a ticker and a date, as quarantine list shows them"
        )
    chosen = with_close(entries, args.close)
    status = {"accept": "accepted", "reject": "rejected"}[args.action]
    decided = decide(chosen, status=status, note=args.note, now=datetime.now(UTC))
    stored.upsert(QUARANTINE, decided)
    if args.json:
        print_json(decided.to_dicts())
    else:
        for row in decided.iter_rows(named=True):
            say(f"{row['date']} {row['ticker']} {row['rule']}: {row['status']}")
        say("It takes effect when raw_ohlcv is next materialised; see: daily, backfill")
    return 0


def _list(args: argparse.Namespace, entries: pl.DataFrame) -> int:
    if args.status != "all":
        entries = entries.filter(pl.col("status") == args.status)
    if args.json:
        print_json(entries.to_dicts())
    elif entries.is_empty():
        say(f"nothing in the quarantine with status {args.status}")
    else:
        close = pl.col("value").str.json_path_match("$.close").cast(pl.Float64, strict=False)
        print_table(entries.with_columns(close=close).to_dicts(), ENTRY_COLUMNS)
        rules = set(entries["rule"])
        for rule in (rule for rule in ADVICE if rule in rules):
            say(f"{rule}: {ADVICE[rule]}")
    return 0


def bars(args: argparse.Namespace) -> int:
    """Print the bars of a ticker, as they are stored or as they were known at a moment.

    Raises :class:`UsageError` for a ticker of which nothing is stored.
    """
    settings = reading_settings()
    warehouse = read_home(settings).warehouse
    tickers = [require_ticker(args.ticker)]
    rows = warehouse.read(RAW_OHLCV, tickers=tickers)
    if rows.is_empty():
        raise UsageError(
            f"no bar of {args.ticker} is stored in {settings.home}; the settings have "
            f"{', '.join(settings.tickers)}; fetch what is missing: options-platform backfill"
        )
    nothing = _nothing(args, rows)
    if args.as_of is not None:
        rows = as_of(RAW_OHLCV, rows, warehouse.read(REVISIONS, tickers=tickers), args.as_of)
    rows = rows.filter(
        pl.col("date").is_between(args.start or pl.col("date"), args.end or pl.col("date"))
    )
    if args.json:
        print_json(rows.to_dicts())
    elif rows.is_empty():
        say(nothing)
    else:
        print_table(rows.to_dicts(), BAR_COLUMNS)
    return 0


def _nothing(args: argparse.Namespace, stored: pl.DataFrame) -> str:
    """What is said of a ticker's bars if none of those `stored` is among those asked for."""
    fetched = stored["fetched_at"].min()
    if args.as_of is not None and isinstance(fetched, datetime) and args.as_of < fetched:
        return (
            f"No bar of {args.ticker} was known then: the first was fetched at "
            f"{fetched:%Y-%m-%dT%H:%MZ}. Ask for a later time."
        )
    first, last = stored["date"][0], stored["date"][-1]
    return (
        f"No bar of {args.ticker} is stored for these sessions; stored are {first} to {last}. "
        "Fetch what is missing: options-platform backfill"
    )


def chain_snapshot(args: argparse.Namespace) -> int:
    """Store the option chains of today's session as quoted after its close."""
    from options_platform.commands.runs import chosen_tickers
    from options_platform.defs.chains.snapshot import take_snapshot
    from options_platform.services.market_data.platform import make_platform, source_gives

    settings = ready_settings()
    platform = make_platform(settings)
    if not source_gives(platform, "chain"):
        raise UsageError(f"source {settings.source} provides no option chains; set OPTIONS_SOURCE")
    session, fetched = take_snapshot(platform, chosen_tickers(args.tickers, settings))
    rows = fetched.shares.to_dicts()
    if args.json:
        print_json(rows)
    else:
        say(f"Option chains of {session}:")
        print_table(rows, ("ticker", "contracts", "good", "share"))
    return 0
