"""No entry before a split after which contracts deliver something else than 100 shares."""

from __future__ import annotations

import polars as pl

from options_platform.domain.market.odd_splits import KNOWN_DAYS
from options_platform.domain.planning.refusals import RefusalRule

ODD_SPLIT = "ODD_SPLIT"


def with_split_input(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with a null `odd_split_on`, the ex-date of a known odd split, if they have none."""
    if "odd_split_on" in rows.columns:
        return rows
    return rows.with_columns(odd_split_on=pl.lit(None, pl.Date))


def split_refusal() -> RefusalRule:
    """Refuses where an odd split is known, whatever the expiry: its position would be closed."""
    ex_date = pl.col("odd_split_on")
    return RefusalRule(
        ODD_SPLIT,
        ex_date.cast(pl.String),
        f"whole splits alone in the next {KNOWN_DAYS} days",
        ex_date.is_not_null(),
        pl.format("an entry from {} on", ex_date),
    )
