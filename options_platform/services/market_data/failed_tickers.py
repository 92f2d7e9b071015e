"""Tickers whose source failed: what is left out of runs until it answers again.

One bad ticker stops no other one. Nothing of it is written, and the assets downstream leave it
out from the first session that failed: rows that are computed from its last good bar would look
like those of the session. Once its source answers, its history is fetched from where it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, FAILED_TICKERS, RAW_OHLCV, VIX, Table
from options_platform.errors import PlatformError

WITHOUT_WHICH_NOTHING_IS_COMPUTED = (RAW_OHLCV, VIX)
EVERY = (*WITHOUT_WHICH_NOTHING_IS_COMPUTED, EARNINGS)


def record_failures(
    warehouse: Warehouse,
    table: Table,
    asked: PartitionRange,
    failures: Mapping[str, PlatformError | str],
    now: datetime,
) -> None:
    """Store which of the tickers that were asked for have failed, and forget those that have not.

    One that failed before keeps its first session; it is not forgotten by an answer about sessions
    before that.
    """
    stored = failed_rows(warehouse, asked.tickers, date.max, (table,))
    since = {row["ticker"]: row["start"] for row in stored.to_dicts()}
    reasons = {t: _one_line(reason) for t, reason in failures.items()}
    answered = [t for t, start in since.items() if t not in reasons and asked.end >= start]
    rows = [
        (table.name, t, min(asked.start, since.get(t, asked.start)), reasons.get(t), now)
        for t in (*answered, *reasons)
    ]
    if rows:
        warehouse.upsert(
            FAILED_TICKERS, pl.DataFrame(rows, schema=FAILED_TICKERS.schema, orient="row")
        )


def failed_rows(
    warehouse: Warehouse, tickers: Sequence[str], end: date, tables: Sequence[Table] = EVERY
) -> pl.DataFrame:
    """The rows of `failed_tickers` of those that lack something of `tables` up to `end`."""
    rows = warehouse.read(FAILED_TICKERS, tickers=tickers)
    is_failed = pl.col("reason").is_not_null() & (pl.col("start") <= end)
    return rows.filter(pl.col("table").is_in([table.name for table in tables]) & is_failed)


def withheld(
    warehouse: Warehouse,
    tickers: Sequence[str],
    end: date,
    tables: Sequence[Table] = WITHOUT_WHICH_NOTHING_IS_COMPUTED,
) -> dict[str, str]:
    """The tickers that a run up to `end` leaves out, in their order, and why.

    Those of which `tables` lack what was asked for; a run of sessions before that has them.
    """
    rows = failed_rows(warehouse, tickers, end, tables)
    # Of a ticker that failed twice, what failed first is the cause.
    order = {table.name: at for at, table in enumerate(tables)}
    first = sorted(rows.to_dicts(), key=lambda row: order[row["table"]], reverse=True)
    reasons = {row["ticker"]: row["reason"] for row in first}
    return {ticker: reasons[ticker] for ticker in tickers if ticker in reasons}


def failed(warehouse: Warehouse, tickers: Sequence[str], end: date) -> dict[str, str]:
    """The same with the tickers that are computed although their earnings dates failed."""
    return withheld(warehouse, tickers, end, EVERY)


def without(selected: PartitionRange, tickers: Mapping[str, object]) -> PartitionRange:
    """The range of the other tickers."""
    return replace(selected, tickers=tuple(t for t in selected.tickers if t not in tickers))


def in_words(failures: Mapping[str, str]) -> str:
    """The tickers with their reasons, in one line."""
    return "; ".join(f"{ticker} failed: {reason}" for ticker, reason in failures.items())


def _one_line(reason: PlatformError | str) -> str:
    return " ".join(str(reason).split())
