"""The commands that read: `status`, `report`, `orders`, `positions`, `features-export`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.ledger import Ledger, open_ledger
from options_platform.adapters.replay import replay_ledger
from options_platform.adapters.stored import LISTED_TABLES, open_entries, stored_keys
from options_platform.adapters.warehouse import Warehouse
from options_platform.commands.common import print_json, print_table, ready_settings, say
from options_platform.contracts import FEATURES_TABLE, TRADE_PLAN, Table
from options_platform.errors import IncompleteDataError
from options_platform.settings import Settings

ORDER_COLUMNS = (
    "session",
    "ticker",
    "purpose",
    "strategy",
    "contracts",
    "limit_price",
    "status",
    "filled_qty",
    "avg_price",
    "reason",
)
POSITION_COLUMNS = (
    "ticker",
    "strategy",
    "contracts",
    "opened_on",
    "entry_price",
    "mark_price",
    "marked_on",
    "profit_usd",
    "max_loss_usd",
)


def status(args: argparse.Namespace) -> int:
    """What is stored, how fresh it is, and the newest decisions."""
    from options_platform.defs.partitions import newest_date

    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    newest = newest_date(settings, datetime.now(UTC))
    tables = [_table_status(settings, warehouse, table) for table in LISTED_TABLES]
    aside, warnings = open_entries(warehouse)
    ledger = open_ledger(settings)
    found: dict[str, Any] = {
        "home": settings.home,
        "source": settings.source,
        "newest_session": newest,
        "tables": tables,
        "set_aside_rows": aside,
        "open_warnings": warnings,
        "halted": ledger.halted() if ledger.exists else None,
        "differences": [d.text for d in ledger.differences()] if ledger.exists else [],
        "decisions": _newest_plans(warehouse),
    }
    if args.json:
        print_json(found)
        return 0
    say(f"Home {settings.home}, source {settings.source}, newest session {newest}")
    print_table(tables, ("table", "rows", "tickers", "first", "last"))
    more = "; see: options-platform quarantine list" if aside or warnings else ""
    say(f"Open in the quarantine: {aside} rows set aside, {warnings} warnings{more}")
    if found["halted"]:
        say(f"New orders are HALTED: {found['halted']}")
    for text in found["differences"]:
        say(f"Ledger and broker DIFFER: {text}")
    if found["decisions"]:
        say("Newest decisions:")
        print_table(found["decisions"], ("date", "ticker", "decision", "strategy", "reasons"))
    return 0


def report(args: argparse.Namespace) -> int:
    """Write the HTML report and say where it is."""
    from options_platform.reporting.report import write_report

    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    path = write_report(settings, warehouse, now=datetime.now(UTC))
    if args.json:
        print_json({"report": path})
    else:
        say(f"Report: {path}")
    return 0


def orders(args: argparse.Namespace) -> int:
    """The orders of the paper ledger, or of the replay."""
    frame = _ledger_table(args, "orders")
    return _show(args, frame.to_dicts(), ORDER_COLUMNS, "no orders yet; see: daily, demo")


def positions(args: argparse.Namespace) -> int:
    """The open positions of the paper ledger, or of the replay."""
    ledger = _ledger(args)
    found = ledger.positions(only_open=True) if ledger.exists else []
    rows = [{name: getattr(position, name) for name in POSITION_COLUMNS} for position in found]
    return _show(args, rows, POSITION_COLUMNS, "no open positions")


def features_export(args: argparse.Namespace) -> int:
    """Write the features to one Parquet file that carries their version."""
    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
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
    found = {"file": path, "rows": features.height, "feature_version": versions}
    if args.json:
        print_json(found)
    else:
        say(f"{path}: {features.height} rows, feature version {', '.join(versions)}")
    return 0


def _table_status(settings: Settings, warehouse: Warehouse, table: Table) -> dict[str, Any]:
    keys = stored_keys(settings, warehouse, table)
    return {
        "table": table.name,
        "rows": keys.height,
        "tickers": keys["ticker"].unique().sort().to_list(),
        "first": keys["date"].min(),
        "last": keys["date"].max(),
    }


def _newest_plans(warehouse: Warehouse) -> list[dict[str, Any]]:
    plans = warehouse.read(
        TRADE_PLAN, columns=["date", "ticker", "decision", "strategy", "reasons"]
    )
    return plans.filter(pl.col("date") == pl.col("date").max()).to_dicts()


def _ledger(args: argparse.Namespace) -> Ledger:
    settings = ready_settings()
    return replay_ledger(settings) if args.replay else open_ledger(settings)


def _ledger_table(args: argparse.Namespace, name: str) -> pl.DataFrame:
    ledger = _ledger(args)
    return ledger.table(name) if ledger.exists else pl.DataFrame()


def _show(
    args: argparse.Namespace, rows: list[dict[str, Any]], columns: tuple[str, ...], nothing: str
) -> int:
    if args.json:
        print_json(rows)
    elif rows:
        print_table(rows, columns)
    else:
        say(nothing)
    return 0
