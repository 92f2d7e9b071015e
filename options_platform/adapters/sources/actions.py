"""Dividends and splits laid on split-adjusted bars."""

from __future__ import annotations

import polars as pl


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
