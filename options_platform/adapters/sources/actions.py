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


def unadjusted_split(table: pl.DataFrame, actions: pl.DataFrame) -> tuple[date, float] | None:
    """The first split, with its ratio, that the closes of `table` step by; None where none does.

    Such prices are as traded, not split-adjusted: `with_actions` would multiply them once more.
    Both arguments are those of :func:`with_actions`. Splits below 5:4 are not judged.
    """
    closes = table.filter(pl.col("close") > 0).select(day="date", close="close")
    splits = actions.filter(pl.col("split_ratio").log().abs() >= math.log(LEAST_SPLIT))
    stepped = (
        splits.select("date", "split_ratio")
        .join_asof(
            closes, left_on="date", right_on="day", strategy="backward", allow_exact_matches=False
        )
        .join_asof(closes, left_on="date", right_on="day", strategy="forward", suffix="_after")
        .with_columns(step=(pl.col("close") / pl.col("close_after")).log())
        .filter(
            (pl.col("step") - pl.col("split_ratio").log()).abs()
            <= NEAR * pl.col("split_ratio").log().abs()
        )
    )
    return stepped.select("date", "split_ratio").row(0) if stepped.height else None
