"""Which computed rows a run has to store besides its own partitions.

A series is always computed whole. Rows of the run's range are written; earlier rows only where
they are not stored yet, or differ from what today's inputs give (labels that became known, a
history that the source restated), so that a table never mixes two vintages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl


def rows_to_write(
    computed: pl.DataFrame,
    stored: pl.DataFrame,
    *,
    start: date,
    ignore: Sequence[str] = (),
) -> pl.DataFrame:
    """The rows of `computed` from `start` on, and the earlier ones that `stored` lacks.

    Args:
        computed: rows keyed by (date, ticker).
        stored: what the table holds, same columns.
        start: first date of the run's range.
        ignore: columns in which a difference does not count, e.g. the time of fetching.

    Returns:
        A subset of `computed`, in its order. Nulls equal nulls; floats are compared exactly.
    """
    compared = [name for name in computed.columns if name not in ignore]
    same = stored.select(compared)
    earlier = computed.filter(pl.col("date") < start).join(
        same, on=compared, how="anti", nulls_equal=True, maintain_order="left"
    )
    return pl.concat([earlier, computed.filter(pl.col("date") >= start)])
