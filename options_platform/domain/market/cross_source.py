"""Two sources side by side: which of their bars differ, and which outliers both have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

PRICES = ("open", "high", "low", "close")
# Consolidated tapes differ a little in highs and lows; a bad tick is off by much more.
CONFIRMING_TOLERANCE = 0.01


@dataclass(frozen=True)
class SourceComparison:
    """How two sources compare: common days, days beyond the tolerance, and the widest gap."""

    days: int
    beyond: pl.DataFrame
    widest: float | None
    lacking: tuple[date, ...]


def compare_closes(
    mine: pl.DataFrame, other: pl.DataFrame, tolerance: float, *, column: str = "close"
) -> SourceComparison:
    """Compare a price of one ticker, day by day.

    Args:
        mine: date and prices; rows without the price are left out.
        other: the same of the second source.
        tolerance: a fraction of the price of `mine`; beyond it a day is reported.
        column: the price to compare.

    `beyond` has date, mine, other, gap (a fraction), widest first; `lacking` the days of `mine`,
    between the first and the last of `other`, that the second source does not have.
    """
    left = mine.filter(pl.col(column).is_finite()).select("date", mine=column)
    right = other.filter(pl.col(column).is_finite()).select("date", other=column)
    right = right.unique("date", keep="first", maintain_order=True)
    both = left.join(right, on="date").with_columns(
        gap=(pl.col("other") / pl.col("mine") - 1.0).abs()
    )
    widest = both["gap"].max()
    span = (right["date"].min(), right["date"].max())
    inside = left.filter(pl.col("date").is_between(*span)) if right.height else left.clear()
    lacking = inside.join(right, on="date", how="anti").sort("date")["date"].to_list()
    return SourceComparison(
        days=both.height,
        beyond=both.filter(pl.col("gap") > tolerance).sort("gap", descending=True),
        widest=widest if isinstance(widest, float) else None,
        lacking=tuple(lacking),
    )


def confirmed_days(bars: pl.DataFrame, other: pl.DataFrame) -> list[date]:
    """Days on which the other source gives all four prices within 1 per cent of `bars`."""
    both = bars.join(other, on="date", suffix="_other")
    near = (
        (pl.col(f"{name}_other") / pl.col(name) - 1.0).abs() <= CONFIRMING_TOLERANCE
        for name in PRICES
    )
    agreed = both.filter(pl.all_horizontal(*near).fill_null(value=False))
    return sorted(agreed["date"].unique().to_list())
