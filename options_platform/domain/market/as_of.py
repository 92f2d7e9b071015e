"""Stored rows as of an earlier moment: today's rows with every later revision undone."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import Table


def as_of(
    table: Table, rows: pl.DataFrame, revisions: pl.DataFrame, moment: datetime
) -> pl.DataFrame:
    """The rows of `table` as they were stored at `moment`, sorted by date and ticker.

    Rows first fetched later are left out. Values revised one by one are restored exactly. Values
    revised by a factor (a split, adjusted closes after a dividend) are divided by it, which is
    exact to 1e-6 for prices and to the source's rounding for `adj_close`.

    Args:
        table: `raw_ohlcv` or `vix`.
        rows: rows stored now.
        revisions: rows of the table `revisions`.
        moment: a timezone-aware time.
    """
    restored = rows.filter(pl.col("fetched_at") <= moment)
    later = revisions.filter((pl.col("table") == table.name) & (pl.col("seen_at") > moment))
    # Undo the newest revision first.
    for seen_at in later["seen_at"].unique().sort(descending=True):
        for name in later.filter(pl.col("seen_at") == seen_at)["column"].unique().sort():
            of_column = (pl.col("seen_at") == seen_at) & (pl.col("column") == name)
            restored = _undone(restored, name, later.filter(of_column))
    return restored.select(table.schema.names()).sort(KEY)


def _undone(rows: pl.DataFrame, name: str, revisions: pl.DataFrame) -> pl.DataFrame:
    dtype = rows.schema[name]
    factors = revisions.filter(pl.col("factor").is_not_null()).select(
        "ticker", _until="date", _factor="factor"
    )
    single = revisions.filter(pl.col("factor").is_null()).select(
        *KEY, _old=pl.col("old").cast(dtype), _single=pl.lit(value=True)
    )
    joined = rows.join(factors, on="ticker", how="left", maintain_order="left").join(
        single, on=list(KEY), how="left", maintain_order="left"
    )
    value = pl.col(name)
    if dtype.is_numeric():
        covered = (pl.col("date") <= pl.col("_until")).fill_null(value=False)
        value = pl.when(covered).then((value / pl.col("_factor")).cast(dtype)).otherwise(value)
    return joined.with_columns(
        pl.when(pl.col("_single").fill_null(value=False)).then("_old").otherwise(value).alias(name)
    ).drop("_until", "_factor", "_old", "_single")
