"""Selection of the computed rows that a run must store.

A series is always computed over its whole history. Rows in the run's range are written; earlier
rows only if they are not stored yet or have changed (labels that became known, a history that the
source restated), so that a table never mixes two vintages of its inputs.
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
    """The rows of `computed` from `start` on, and earlier rows that differ from the stored ones.

    Args:
        computed: rows keyed by (date, ticker).
        stored: rows of the table, same columns.
        start: first date of the run's range.
        ignore: columns whose differences are ignored, e.g. the time of fetching.

    Returns:
        A subset of `computed`: changed earlier rows, then the rows from `start` on. Two nulls are
        equal; floats are compared exactly.
    """
    compared = [name for name in computed.columns if name not in ignore]
    same = stored.select(compared)
    earlier = computed.filter(pl.col("date") < start).join(
        same, on=compared, how="anti", nulls_equal=True, maintain_order="left"
    )
    return pl.concat([earlier, computed.filter(pl.col("date") >= start)])
