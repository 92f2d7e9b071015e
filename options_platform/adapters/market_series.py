"""Yields and the other tenors of the VIX: bringing them up to date, and reading them back."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from options_platform.adapters.ports import MarketDataSource
from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import MARKET_SERIES
from options_platform.contracts.market import SERIES
from options_platform.domain.term import TENORS

YIELD = "DGS3MO"


def update_series(
    source: MarketDataSource, warehouse: Warehouse, first: date, last: date, now: datetime
) -> dict[str, int]:
    """Store what the source has of `SERIES` from `first` to `last`; by symbol the rows written.

    Rows that say what is stored already are left alone. A day without a number is no row.
    """
    written: dict[str, int] = {}
    stored = warehouse.read(MARKET_SERIES, columns=["symbol", "date", "value"])
    for symbol in (name for name in SERIES if name in source.info.series):
        given = source.index_bars(symbol, first, last)
        rows = (
            given.filter(pl.col("close").is_finite())
            .unique("date", keep="first", maintain_order=True)
            .select("symbol", "date", value="close", source="source")
            .join(stored, on=["symbol", "date", "value"], how="anti")
            .with_columns(fetched_at=pl.lit(now))
        )
        warehouse.upsert(MARKET_SERIES, rows.cast(dict(MARKET_SERIES.schema)))  # type: ignore[arg-type]
        written[symbol] = rows.height
    return written


def stored_yields(warehouse: Warehouse) -> pl.DataFrame | None:
    """date and yield_pct of the 3-month Treasury yield; None if none is stored."""
    rows = warehouse.read(MARKET_SERIES, columns=["symbol", "date", "value"])
    own = rows.filter(pl.col("symbol") == YIELD).select("date", yield_pct="value").sort("date")
    return None if own.is_empty() else own


def stored_tenors(warehouse: Warehouse) -> pl.DataFrame | None:
    """date, vix9d, vix3m and vix6m in index points, null where unknown; None if none is stored."""
    rows = warehouse.read(MARKET_SERIES, columns=["symbol", "date", "value"])
    rows = rows.with_columns(pl.col("symbol").str.to_lowercase())
    own = rows.filter(pl.col("symbol").is_in(TENORS))
    if own.is_empty():
        return None
    wide = own.pivot("symbol", index="date", values="value")
    missing = [name for name in TENORS if name not in wide.columns]
    empty = {name: pl.lit(None, pl.Float64) for name in missing}
    return wide.with_columns(**empty).select("date", *TENORS).sort("date")
