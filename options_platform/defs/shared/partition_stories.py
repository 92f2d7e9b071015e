"""What each partition's materialisation says of its session and ticker.

A run of a few sessions writes the whole story into each partition. A backfill writes a code, as
`no_trade NO_EDGE`, and a link to the page that has the rest: thousands of stories would fill the
event log. Its newest session has the whole story too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
)

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import DIRECTION_MODEL, PAPER_ORDERS, RAW_OHLCV, REGIME, TRADE_PLAN
from options_platform.reporting.session.decisions import code_of
from options_platform.reporting.session.facts import READ, Row, facts_of, read_rows
from options_platform.reporting.session.links import served_at, session_url
from options_platform.settings import Settings

FEW_SESSIONS = 5
MOST_CHARACTERS = 60
"""Of a code, however many rule sets and reasons a partition has."""

DETAILS = "details"
"""The name of the link to the page of the session."""

Stories = Mapping[str, Mapping[str, Any]]
"""Metadata by partition key."""

CODES: Mapping[str, tuple[str, tuple[str, ...], Callable[[Row], str]]] = {
    RAW_OHLCV.name: ("quality", ("bad_reason",), lambda row: row["bad_reason"] or "a good bar"),
    DIRECTION_MODEL.name: ("prediction", ("direction",), lambda row: row["direction"] or "none"),
    REGIME.name: ("regime", ("regime",), lambda row: row["regime"] or "none"),
    TRADE_PLAN.name: ("decision", ("decision", "strategy", "reasons"), code_of),
    PAPER_ORDERS.name: (
        "order",
        ("status", "reason"),
        lambda row: f"{row['status']} {row['reason'] or ''}".strip(),
    ),
}
"""By asset the name of the code, the columns that it is made of, and how."""


def stories(
    settings: Settings,
    warehouse: Warehouse,
    asset: str,
    rows: pl.DataFrame,
    *,
    newest: bool = False,
) -> Stories:
    """What the partitions of `rows` say; empty for an asset that is not one of the nine.

    Args:
        settings: the settings.
        warehouse: the stored tables, for what belongs to the rows: legs, plans, predictions.
        asset: name of the asset.
        rows: rows of its table; with `date` and `ticker` alone only a few get more than a link.
        newest: whether the newest session has the whole story even among many.
    """
    if asset not in READ or rows.is_empty():
        return {}
    days = rows["date"].unique().sort()
    told = _codes_and_links(settings, asset, rows)
    whole = days if len(days) <= FEW_SESSIONS else days.tail(1 if newest else 0)
    if len(whole):
        chosen = rows.filter(pl.col("date").is_in(whole.implode()))
        for key, facts in _facts(warehouse, asset, chosen).items():
            told[key] = facts | {DETAILS: told[key][DETAILS]}
    return told


def _codes_and_links(
    settings: Settings, asset: str, rows: pl.DataFrame
) -> dict[str, dict[str, Any]]:
    served = served_at(settings)
    told: dict[str, dict[str, Any]] = {}
    name, columns, made = CODES.get(asset, ("", (), None))
    coded = bool(columns) and set(columns) <= set(rows.columns)
    for row in rows.iter_rows(named=True):
        day, ticker = row["date"], row["ticker"]
        entries = told.setdefault(f"{day}|{ticker}", {})
        if coded and made is not None:
            code = f"{entries[name]}; {made(row)}" if name in entries else made(row)
            entries[name] = code[:MOST_CHARACTERS]
        if DETAILS not in entries:
            entries[DETAILS] = dg.MetadataValue.url(session_url(served, day, ticker))
    return told


def _facts(warehouse: Warehouse, asset: str, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    whole = set(READ[asset][0].schema) <= set(rows.columns)
    found = read_rows(
        warehouse,
        [asset],
        rows["date"].min(),  # type: ignore[arg-type]
        rows["date"].max(),  # type: ignore[arg-type]
        rows["ticker"].unique().to_list(),
        {asset: rows} if whole else None,
    )
    keys = set(rows.select("date", "ticker").iter_rows())
    return {
        f"{day}|{ticker}": dict(facts_of(asset, of_key))
        for (day, ticker), of_key in found.items()
        if (day, ticker) in keys
    }


def tell(context: dg.AssetExecutionContext, told: Stories) -> None:
    """Add to each partition of the run what it says.

    Dagster's own method lists the partitions and copies all former metadata at each call, which
    takes minutes for a backfill.
    """
    step = context.get_step_execution_context()
    kept = step._metadata_accumulator.per_output_metadata  # noqa: SLF001
    asset_key = context.asset_key
    added: dict[Any, Mapping[str, Any]] = {}
    for key, entries in told.items():
        handle = AssetMetadataHandle(asset_key=asset_key, partition_key=key)
        added[handle] = {**kept.get(handle, {}), **entries}
    step._metadata_accumulator = OutputMetadataAccumulator(  # noqa: SLF001
        per_output_metadata={**kept, **added}
    )
