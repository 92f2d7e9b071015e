"""Revisions of the source's history: detecting them, and recording them.

A dividend restates every earlier adjusted close, a split every earlier price. Such a change is
recorded as one row of `revisions` per column, with its factor, not as one row per bar. Bars that
the factor does not explain get rows of their own, with exact values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import RAW_OHLCV, REVISIONS, Table

TOLERANCE = 1e-6
# Sources round adjusted closes to about a cent; nothing is computed from them.
ADJ_CLOSE_TOLERANCE = 0.01
FEWEST_FOR_FACTOR = 20
PRICES = ("open", "high", "low", "close")
WATCHED = (*PRICES, "adj_close", "dividend", "split_ratio", "split_factor")
RECORDED = (*PRICES, "adj_close", "volume", "dividend", "split_ratio", "split_factor", "bad_reason")


def differs(name: str, dtype: pl.DataType, other: str) -> pl.Expr:
    """Whether column `name` differs from column `other`; numbers by more than 1e-6, relative."""
    new, old = pl.col(name), pl.col(other)
    if not dtype.is_numeric():
        return new.ne_missing(old)
    far = (new - old).abs() > TOLERANCE * old.abs()
    return (new.is_null() != old.is_null()) | far.fill_null(value=False)


def is_restated(fetched: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Whether the source has changed prices or corporate actions of a bar stored as good.

    `fetched` are bars in `ports.BAR_SCHEMA`, `stored` rows of `raw_ohlcv`, both of one ticker. A
    missing bar, a bar without prices and a corrected volume are not restatements.
    """
    good = stored.filter(pl.col("bad_reason").is_null()).select("date", *WATCHED)
    fetched = fetched.filter(pl.len().over("date") == 1)
    both = fetched.join(good, on="date", suffix="_was").filter(
        pl.all_horizontal(pl.col(name).is_finite().fill_null(value=False) for name in PRICES)
    )
    schema = RAW_OHLCV.schema
    changed = pl.any_horizontal(differs(n, schema[n], f"{n}_was") for n in WATCHED)
    return both.filter(changed).height > 0


def merge_rows(
    fetched: pl.DataFrame,
    stored: pl.DataFrame,
    kept_good: pl.Expr,
    columns: Sequence[str],
) -> pl.DataFrame:
    """The rows to store: the fetched rows, but the stored row if nothing has changed.

    Where `kept_good` is true and the fetched row has no good bar, the stored good bar is kept, so
    that a later hole in the source does not delete good data. A row keeps the time of its first
    fetch.

    Args:
        fetched: rows of `raw_ohlcv`.
        stored: rows of `raw_ohlcv`.
        kept_good: boolean expression over the columns of `fetched`.
        columns: columns whose differences count.
    """
    schema = fetched.schema
    both = fetched.join(
        stored.with_columns(_known=pl.lit(value=True)),
        on=list(KEY),
        how="left",
        suffix="_was",
        maintain_order="left",
    )
    changed = pl.any_horizontal(differs(n, schema[n], f"{n}_was") for n in columns)
    lost = pl.col("bad_reason").is_not_null() & pl.col("bad_reason_was").is_null()
    keep = (pl.col("_known") & (~changed | (lost & kept_good))).fill_null(value=False)
    values = [name for name in schema.names() if name not in (*KEY, "fetched_at")]
    return both.with_columns(
        *(pl.when(keep).then(f"{n}_was").otherwise(n).alias(n) for n in values),
        fetched_at=pl.col("fetched_at_was").fill_null(pl.col("fetched_at")),
    ).select(schema.names())


def changed_rows(rows: pl.DataFrame, stored: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Keys of the `rows` that are not stored, or stored with another value in `columns`."""
    both = rows.join(
        stored.with_columns(_known=pl.lit(value=True)),
        on=list(KEY),
        how="left",
        suffix="_was",
        maintain_order="left",
    )
    changed = pl.any_horizontal(differs(n, rows.schema[n], f"{n}_was") for n in columns)
    return both.filter(pl.col("_known").is_null() | changed).select(KEY)


def find_revisions(
    table: Table,
    rows: pl.DataFrame,
    stored: pl.DataFrame,
    seen_at: datetime,
    *,
    columns: Sequence[str] = RECORDED,
    accepted: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The revisions from `stored` to `rows`, in the schema of the table `revisions`.

    Both are rows of `table`, of one ticker. `accepted` has a column `date` with the bars that the
    user accepted from the quarantine.
    """
    both = rows.join(stored, on=list(KEY), suffix="_was")
    parts = [_of_column(both, name) for name in columns]
    changes = pl.concat(parts)
    if changes.is_empty():
        return REVISIONS.empty()
    split = changes.filter((pl.col("column") == "close") & pl.col("factor").is_not_null()).height
    dates = accepted["date"].to_list() if accepted is not None else []
    other_source = pl.col("source") != pl.col("source_was")
    return (
        changes.with_columns(
            cause=pl.when(pl.col("date").is_in(dates) & pl.col("factor").is_null())
            .then(pl.lit("accepted"))
            .when(other_source)
            .then(pl.lit("source"))
            .when(pl.col("factor").is_null())
            .then(pl.lit("correction"))
            .when(pl.lit(split > 0))
            .then(pl.lit("split"))
            .otherwise(pl.lit("dividend")),
            table=pl.lit(table.name),
            seen_at=pl.lit(seen_at).cast(REVISIONS.schema["seen_at"]),
        )
        .select(REVISIONS.schema.names())
        .sort("date", "ticker", "column")
    )


def _of_column(both: pl.DataFrame, name: str) -> pl.DataFrame:
    changed = both.filter(differs(name, both.schema[name], f"{name}_was")).select(
        *KEY, "source", "source_was", new=pl.col(name), old=pl.col(f"{name}_was")
    )
    if not both.schema[name].is_numeric() or changed.height < FEWEST_FOR_FACTOR:
        return _by_bar(changed, name)
    ratio = changed.filter(pl.col("old") > 0)["new"] / changed.filter(pl.col("old") > 0)["old"]
    factor = ratio.median()
    if not isinstance(factor, float) or factor <= 0:
        return _by_bar(changed, name)
    last = changed["date"].max()
    up_to_last = both.filter(pl.col("date") <= last)
    tolerance = ADJ_CLOSE_TOLERANCE if name == "adj_close" else TOLERANCE
    explained = (pl.col(name) - factor * pl.col(f"{name}_was")).abs() <= tolerance * pl.col(name)
    without = pl.col(name).is_null() & pl.col(f"{name}_was").is_null()
    unexplained = up_to_last.filter(~(explained | without).fill_null(value=False))
    # A factor with few exceptions is shorter than a row per bar, unless exceptions are common.
    if unexplained.height > changed.height // 2:
        return _by_bar(changed, name)
    exceptions = unexplained.select(
        *KEY, "source", "source_was", new=pl.col(name), old=pl.col(f"{name}_was")
    )
    whole = changed.sort("date").tail(1).with_columns(old=None, new=None, factor=pl.lit(factor))
    return pl.concat(
        [
            _by_bar(exceptions, name),
            _by_bar(whole.drop("factor"), name).with_columns(whole["factor"]),
        ]
    )


def _by_bar(changed: pl.DataFrame, name: str) -> pl.DataFrame:
    return changed.select(
        *KEY,
        column=pl.lit(name),
        old=pl.col("old").cast(pl.String),
        new=pl.col("new").cast(pl.String),
        factor=pl.lit(None, pl.Float64),
        source="source",
        source_was="source_was",
    )


def keeps_basis(rows: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Whether the price basis is unchanged: the median close has not been rescaled by a split."""
    both = rows.join(stored, on=list(KEY), suffix="_was").drop_nulls(["close", "close_was"])
    if both.is_empty():
        return True
    ratio = (both["close"] / both["close_was"]).median()
    return isinstance(ratio, float) and abs(ratio - 1.0) <= TOLERANCE
