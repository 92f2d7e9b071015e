"""Dividends and splits laid on split-adjusted bars."""

from __future__ import annotations

import math
from datetime import date

import polars as pl

# Nearer to 1 a split cannot be told from a day's move.
LEAST_SPLIT = 1.25
# A close within this share of the split's log ratio has moved by the split itself.
NEAR = 0.25


def with_actions(table: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """`table` with `dividend`, `split_ratio` and `split_factor`.

    Args:
        table: bars, ascending by `date`.
        actions: `date`, `dividend`, `split_ratio`, one row a day, ascending; it has to know the
            splits after the last bar as well, since prices are adjusted for them.
    """
    # A split counts for the bars before it even if its own day has no bar.
    later = actions.select("date", split_factor=pl.col("split_ratio").cum_prod(reverse=True))
    return (
        table.join(actions, on="date", how="left", maintain_order="left")
        .join_asof(later, on="date", strategy="forward", allow_exact_matches=False)
        .with_columns(
            pl.col("dividend").fill_null(0.0), pl.col("split_ratio", "split_factor").fill_null(1.0)
        )
    )


def split_adjusted(table: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Bars as traded with prices and volumes adjusted for splits; arguments of `with_actions`."""
    factor = pl.col("split_factor")
    return (
        with_actions(table, actions)
        .with_columns(
            pl.col("open", "high", "low", "close") / factor, volume=pl.col("volume") * factor
        )
        .select(table.columns)
    )


def paid_after_splits(actions: pl.DataFrame) -> pl.DataFrame:
    """Dividends as they were paid on the shares of their day, as on those after all splits."""
    later = pl.col("split_ratio").cum_prod(reverse=True) / pl.col("split_ratio")
    return actions.with_columns(dividend=pl.col("dividend") / later)


def unadjusted_split(table: pl.DataFrame, actions: pl.DataFrame) -> tuple[date, float] | None:
    """The first split, with its ratio, that the closes of `table` step by; None where none does.

    Such prices are as traded, not split-adjusted: `with_actions` would multiply them once more.
    Both arguments are those of :func:`with_actions`. Splits below 5:4 are not judged.
    """
    ratio = pl.col("split_ratio").log()
    by_the_split = (pl.col("step") - ratio).abs() <= NEAR * ratio.abs()
    return _first(_steps(table, actions).filter(by_the_split))


def split_not_in_prices(table: pl.DataFrame, actions: pl.DataFrame) -> tuple[date, float] | None:
    """The first split, with its ratio, that prices as traded should step by and do not."""
    nearer_to_none = pl.col("step").abs() < (pl.col("step") - pl.col("split_ratio").log()).abs()
    return _first(_steps(table, actions).filter(nearer_to_none))


def _steps(table: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The splits of 5:4 and more with `step`, the log ratio of the closes around each."""
    closes = table.filter(pl.col("close") > 0).select(day="date", close="close")
    splits = actions.filter(pl.col("split_ratio").log().abs() >= math.log(LEAST_SPLIT))
    return (
        splits.select("date", "split_ratio")
        .join_asof(
            closes, left_on="date", right_on="day", strategy="backward", allow_exact_matches=False
        )
        .join_asof(closes, left_on="date", right_on="day", strategy="forward", suffix="_after")
        .with_columns(step=(pl.col("close") / pl.col("close_after")).log())
        .drop_nulls("step")
    )


def _first(splits: pl.DataFrame) -> tuple[date, float] | None:
    return splits.select("date", "split_ratio").row(0) if splits.height else None
