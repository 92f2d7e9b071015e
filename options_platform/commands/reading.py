"""`report`, `orders`, `positions` and `features-export`: read and show what is stored."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.storage.home import require_home
from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import (
    of_stored_source,
    print_json,
    print_table,
    reading_settings,
    say,
)
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.trading.closing import legs_text
from options_platform.domain.trading.positions import Position
from options_platform.errors import IncompleteDataError
from options_platform.formats import count, words
from options_platform.services.trading.replay import replay_ledger

# Columns to print and their short headings: a row has to fit a terminal. An order is decided at the
# close of its session and works in the next one.
ORDER_COLUMNS = {
    "session": "decided",
    "ticker": "ticker",
    "rule_set": "set",
    "purpose": "for",
    "strategy": "strategy",
    "limit_price": "limit",
    "status": "status",
    "filled": "filled",
    "avg_price": "price",
    "reason": "reason",
}
POSITION_COLUMNS = {
    "position_id": "position",
    "rule_set": "set",
    "strikes": "legs",
    "expiry": "expiry",
    "days_to_expiry": "dte",
    "open_contracts": "qty",
    "entry_price": "entry",
    "mark_price": "to close",
    "profit_usd": "profit",
    "risk_usd": "risk",
}


def _open_positions(ledger: Ledger) -> list[Position]:
    return ledger.positions(only_open=True) if ledger.exists else []


def report(args: argparse.Namespace) -> int:
    """Write the HTML report and print its path."""
    from options_platform.reporting.report import write_report

    settings = reading_settings()
    require_home(settings, "there is nothing to report on")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    settings = of_stored_source(settings, warehouse)
    path = write_report(settings, warehouse, now=datetime.now(UTC))
    if args.json:
        print_json({"report": path})
    else:
        say(f"Report: {path}")
    return 0


def orders(args: argparse.Namespace) -> int:
    """Print the orders of the ledger, or of the replay's ledger."""
    ledger = _ledger(args)
    rows: list[dict[str, Any]] = []
    if ledger.exists:
        moments = pl.col("placed_at", "updated_at").dt.replace_time_zone("UTC")
        rows = ledger.table("orders").with_columns(moments).to_dicts()
    rows = [{**row, "legs": json.loads(row["legs"])} for row in rows]
    return _show(args, ledger, rows, ORDER_COLUMNS, "no orders yet; see: daily, demo")


def positions(args: argparse.Namespace) -> int:
    """Print the open positions of the ledger, or of the replay's ledger."""
    ledger = _ledger(args)
    rows = [_position_row(position) for position in _open_positions(ledger)]
    return _show(args, ledger, rows, POSITION_COLUMNS, "no open positions")


def features_export(args: argparse.Namespace) -> int:
    """Write the features to one Parquet file whose metadata carries their version.

    Raises :class:`IncompleteDataError` before the first feature.
    """
    settings = reading_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    settings = of_stored_source(settings, warehouse)
    features = warehouse.read(FEATURES_TABLE)
    if features.is_empty():
        raise IncompleteDataError("there are no features yet; run: options-platform backfill")
    versions = features["feature_version"].unique().sort().to_list()
    path = Path(args.to) if args.to else settings.home / "exports" / "features.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    features.write_parquet(
        new,
        metadata={
            "feature_version": ",".join(versions),
            "source": settings.source,
            "tickers": ",".join(settings.tickers),
        },
    )
    new.replace(path)
    if args.json:
        print_json({"file": path, "rows": features.height, "feature_version": versions})
    else:
        say(f"{path}: {count(features.height, 'row')}, feature version {', '.join(versions)}")
    return 0


def _ledger(args: argparse.Namespace) -> Ledger:
    settings = reading_settings()
    return replay_ledger(settings) if args.replay else open_ledger(settings)


def _position_row(position: Position) -> dict[str, Any]:
    """The stored fields and the derived ones; days to expiry count from the newest mark."""
    derived = ("rule_set", "open_contracts", "expiry", "value_usd", "profit_usd", "risk_usd")
    return {
        **asdict(position),
        **{name: getattr(position, name) for name in derived},
        "days_to_expiry": (position.expiry - position.marked_on).days,
        "strikes": legs_text(position),
    }


def _as_of(ledger: Ledger) -> datetime | None:
    """UTC time of the newest recorded event; None before the first."""
    if not ledger.exists:
        return None
    recorded = [
        ledger.table(name)["recorded_at"].max() for name in ("order_events", "account_events")
    ]
    newest = max((at for at in recorded if isinstance(at, datetime)), default=None)
    return None if newest is None else newest.replace(tzinfo=UTC)


def _show(
    args: argparse.Namespace,
    ledger: Ledger,
    rows: list[dict[str, Any]],
    columns: Mapping[str, str],
    nothing: str,
) -> int:
    as_of = _as_of(ledger)
    if args.json:
        print_json({"as_of": as_of, args.command: rows})
        return 0
    if rows:
        # One set alone needs no column, and a position's id names it.
        is_one_set = len({row["rule_set"] for row in rows}) == 1
        shown = {k: v for k, v in columns.items() if not (is_one_set and k == "rule_set")}
        print_table([_shown(row) for row in rows], tuple(shown), shown)
    else:
        say(nothing)
    if as_of is not None:
        hint = "." if args.replay else "; to ask the broker: options-platform reconcile"
        say(f"Ledger as of {as_of:%Y-%m-%d %H:%M} UTC{hint}")
    return 0


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as people read it: names as words, and of an order how much of it is filled."""
    texts = {name: words(row[name]) for name in ("strategy", "status") if row.get(name)}
    if "filled_qty" in row:
        texts["filled"] = f"{row['filled_qty']}/{row['contracts']}"
    return {**row, **texts}
