"""`report`, `orders`, `positions` and `features-export`: read and show what is stored."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.storage.home import require_home
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import (
    of_stored_source,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
)
from options_platform.commands.terminal.short_ids import found_by, shortened
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.trading.closing import legs_text
from options_platform.domain.trading.orders import TICK_USD, OrderLeg
from options_platform.domain.trading.orders.price_ladder import worst_of_exit
from options_platform.domain.trading.positions import Position
from options_platform.errors import IncompleteDataError
from options_platform.formats import count, net_price, words
from options_platform.settings import Settings

CODES = re.compile(r"[A-Z][A-Z_]+(: [A-Z][A-Z_]+)*")
"""A reason of codes alone, without a sentence."""

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
    copy = read_home(settings)
    settings = of_stored_source(settings, copy.warehouse)
    path = write_report(settings, copy.warehouse, now=datetime.now(UTC), copy=copy)
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
    code = _show(args, ledger, rows, ORDER_COLUMNS, "no orders yet; see: daily, demo")
    if not args.json and any(map(_is_at_its_most, rows)):
        say(
            "An exit here fills at the session's price. Its limit only bounds that: it is the most "
            "that closing can cost, of a spread its width, or the least that it can bring."
        )
    return code


def positions(args: argparse.Namespace) -> int:
    """Print the open positions of the ledger, or of the replay's; of one that is named its plan.

    Raises :class:`UsageError` for an id that no open position has, or several.
    """
    from options_platform.services.trading.replay import side_by_side

    settings = reading_settings()
    copy = read_home(settings)
    ledger = copy.replay if args.replay else copy.ledger
    held = _open_positions(ledger)
    short = shortened([position.position_id for position in held])
    if args.id is not None:
        chosen = found_by(args.id, short, "open position")
        held = [position for position in held if position.position_id == chosen]
        if not args.json:
            trading = side_by_side(settings) if args.replay else settings
            return _show_plan(trading, copy.warehouse, ledger, held[0])
    rows = [_position_row(position) for position in held]
    if not args.json:
        rows = [{**row, "position_id": short[row["position_id"]]} for row in rows]
    nothing = "no open positions"
    if not rows and not args.replay and copy.replay.exists:
        nothing += "; those of the replay: options-platform positions --replay"
    return _show(args, ledger, rows, POSITION_COLUMNS, nothing)


def _show_plan(settings: Settings, warehouse: Warehouse, ledger: Ledger, position: Position) -> int:
    from options_platform.services.trading.prices.stored_closes import stored_market
    from options_platform.services.trading.reports_ahead import stored_reports
    from options_platform.services.trading.summary import open_plans

    reports = stored_reports(settings, warehouse)
    for plan in open_plans(settings, ledger, stored_market(warehouse), reports):
        if plan.position.position_id == position.position_id:
            say(plan.title(), "bold")
            for line in plan.in_words():
                say(f"  {line}")
    say(f"Its id: {position.position_id}")
    return 0


def features_export(args: argparse.Namespace) -> int:
    """Write the features to one Parquet file whose metadata carries their version.

    Raises :class:`IncompleteDataError` before the first feature.
    """
    settings = reading_settings()
    warehouse = read_home(settings).warehouse
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
    copy = read_home(reading_settings())
    return copy.replay if args.replay else copy.ledger


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
        # One set alone needs no column; beside the names of several a row has no room for the days.
        is_one_set = len({row["rule_set"] for row in rows}) == 1
        left_out = "rule_set" if is_one_set else "days_to_expiry"
        shown = {name: heading for name, heading in columns.items() if name != left_out}
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
        at = "" if row["avg_price"] is None else f" at {net_price(row['avg_price'])}"
        texts["filled"] = f"{row['filled_qty']}/{row['contracts']}{at}"
        if row["reason"] and CODES.fullmatch(row["reason"]):
            texts["reason"] = words(row["reason"]).lower()
    return {**row, **texts}


def _is_at_its_most(row: Mapping[str, Any]) -> bool:
    """Whether an order is an exit whose limit is the worst price that its legs can have."""
    if row["purpose"] != "exit" or row["limit_price"] is None:
        return False
    legs = (OrderLeg(**{**leg, "expiry": date.fromisoformat(leg["expiry"])}) for leg in row["legs"])
    worst = worst_of_exit(row["limit_price"], tuple(legs))
    return bool(abs(worst - row["limit_price"]) < TICK_USD / 2)
