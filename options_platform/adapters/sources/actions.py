"""Joins dividends and splits to split-adjusted bars, and finds splits that prices miss."""

from __future__ import annotations

import math
from datetime import date

import polars as pl

# Smaller splits cannot be distinguished from the move of a day.
LEAST_SPLIT = 1.25
# A step of the closes counts as the split if it is within this share of the split's log ratio.
NEAR = 0.25


def with_actions(table: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """`table` with `dividend` (USD per share), `split_ratio` and `split_factor`.

    Args:
        table: bars, ascending by `date`.
        actions: `date`, `dividend`, `split_ratio`, one row per day, ascending; splits after the
            last bar are needed too, since prices are adjusted for them.
    """
    # A split counts for the bars before it even if its ex-date has no bar.
    later = actions.select("date", split_factor=pl.col("split_ratio").cum_prod(reverse=True))
    return (
        table.join(actions, on="date", how="left", maintain_order="left")
        .join_asof(later, on="date", strategy="forward", allow_exact_matches=False)
        .with_columns(
            pl.col("dividend").fill_null(0.0), pl.col("split_ratio", "split_factor").fill_null(1.0)
        )
    )


def splits_of(ticker: str, actions: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """The splits among `actions` with ex-dates from `start` to `end`, in `SPLIT_SCHEMA`."""
    split = actions.filter((pl.col("split_ratio") != 1.0) & pl.col("date").is_between(start, end))
    return split.select("date", pl.lit(ticker).alias("ticker"), "split_ratio")


def effective(actions: pl.DataFrame, today: date) -> pl.DataFrame:
    """The actions that prices know of: none of `today` is adjusted for a split that comes later."""
    return actions.filter(pl.col("date") <= today)


def split_adjusted(table: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Bars as traded, adjusted for splits in prices and volume; arguments as `with_actions`."""
    factor = pl.col("split_factor")
    return (
        with_actions(table, actions)
        .with_columns(
            pl.col("open", "high", "low", "close") / factor, volume=pl.col("volume") * factor
        )
        .select(table.columns)
    )


def paid_after_splits(actions: pl.DataFrame) -> pl.DataFrame:
    """Dividends as paid at the time, adjusted for all later splits."""
    later = pl.col("split_ratio").cum_prod(reverse=True) / pl.col("split_ratio")
    return actions.with_columns(dividend=pl.col("dividend") / later)


def unadjusted_split(table: pl.DataFrame, actions: pl.DataFrame) -> tuple[date, float] | None:
    """Date and ratio of the first split by which the closes of `table` step; None without one.

    Such prices are as traded, not split-adjusted. Arguments are those of :func:`with_actions`;
    splits smaller than 5:4 are ignored.
    """
    ratio = pl.col("split_ratio").log()
    by_the_split = (pl.col("step") - ratio).abs() <= NEAR * ratio.abs()
    return _first(_steps(table, actions).filter(by_the_split))


def split_not_in_prices(table: pl.DataFrame, actions: pl.DataFrame) -> tuple[date, float] | None:
    """Date and ratio of the first split by which prices as traded do not step; None without one."""
    nearer_to_none = pl.col("step").abs() < (pl.col("step") - pl.col("split_ratio").log()).abs()
    return _first(_steps(table, actions).filter(nearer_to_none))


def _steps(table: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Splits of 5:4 and more with `step`, the log ratio of the closes before and after each."""
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
