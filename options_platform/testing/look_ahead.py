"""Look-ahead check: compute with and without the data after a day, and compare."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from options_platform.common import KEY


def truncation_differences(
    compute: Callable[..., pl.DataFrame], cut: date, *inputs: pl.DataFrame
) -> pl.DataFrame:
    """Cells up to `cut` that change when all input after `cut` is deleted.

    Args:
        compute: maps the inputs to rows keyed by date and ticker.
        cut: last day of input that is kept.
        inputs: frames with a column `date`.

    Returns:
        Columns date, ticker, column; empty if nothing changes. Floats are compared exactly.
    """
    early = pl.col("date") <= cut
    whole = compute(*inputs).filter(early).sort(KEY)
    short = compute(*(frame.filter(early) for frame in inputs)).filter(early).sort(KEY)
    return differences(whole, short)


def differences(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Cells that differ between two frames keyed by date and ticker.

    Returns columns date, ticker, column. A row that only one frame has is reported with the
    column name "row". Two nulls, or two NaNs, are equal.
    """
    names = [name for name in left.columns if name not in KEY]
    joined = left.join(right, on=KEY, how="full", suffix="_right", coalesce=True)
    changed_cells = [
        joined.filter(~pl.col(name).eq_missing(pl.col(f"{name}_right"))).select(
            *KEY, column=pl.lit(name)
        )
        for name in names
    ]
    all_keys = pl.concat([left.select(KEY), right.select(KEY)])
    unmatched_rows = all_keys.filter(~all_keys.is_duplicated()).with_columns(column=pl.lit("row"))
    return pl.concat([*changed_cells, unmatched_rows])
