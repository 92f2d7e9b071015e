"""Whether a computation sees the future: compute with and without the data after a day."""

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
        compute: from the inputs to rows keyed by date and ticker.
        cut: last day that is kept.
        inputs: frames with a column `date`.

    Returns:
        Columns date, ticker, column; empty where nothing changes. Floats are compared exactly.
    """
    early = pl.col("date") <= cut
    whole = compute(*inputs).filter(early).sort(KEY)
    short = compute(*(frame.filter(early) for frame in inputs)).filter(early).sort(KEY)
    return differences(whole, short)


def differences(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Cells in which two frames keyed by date and ticker differ, missing rows included."""
    names = [name for name in left.columns if name not in KEY]
    joined = left.join(right, on=KEY, how="full", suffix="_right", coalesce=True)
    found = [
        joined.filter(~pl.col(name).eq_missing(pl.col(f"{name}_right"))).select(
            *KEY, column=pl.lit(name)
        )
        for name in names
    ]
    gone = pl.concat([left.select(KEY), right.select(KEY)])
    alone = gone.filter(~gone.is_duplicated()).with_columns(column=pl.lit("row"))
    return pl.concat([*found, alone])
