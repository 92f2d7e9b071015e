"""Comparison of two sources: bars that differ, and outliers that both report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

PRICES = ("open", "high", "low", "close")
# Consolidated tapes differ slightly in highs and lows; a bad tick differs by much more.
CONFIRMING_TOLERANCE = 0.01


@dataclass(frozen=True)
class SourceComparison:
    """Comparison of a price in two sources.

    `days` both have; `beyond`: days beyond the tolerance, with columns date, mine, other, gap (a
    fraction), largest first; `widest`: the largest gap, None without common days;
    `missing_days`: days that only the first source has, within the range of the second.
    """

    days: int
    beyond: pl.DataFrame
    widest: float | None
    missing_days: tuple[date, ...]


def compare_closes(
    mine: pl.DataFrame, other: pl.DataFrame, tolerance: float, *, column: str = "close"
) -> SourceComparison:
    """Compare a price of one ticker in two sources, day by day.

    Args:
        mine: date and prices of the first source; rows without the price are ignored.
        other: date and prices of the second source.
        tolerance: largest gap that is not reported, a fraction of the price in `mine`.
        column: the price to compare.
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
    missing_days = inside.join(right, on="date", how="anti").sort("date")["date"].to_list()
    return SourceComparison(
        days=both.height,
        beyond=both.filter(pl.col("gap") > tolerance).sort("gap", descending=True),
        widest=widest if isinstance(widest, float) else None,
        missing_days=tuple(missing_days),
    )


def confirmed_days(bars: pl.DataFrame, other: pl.DataFrame) -> list[date]:
    """Days on which all four prices of the other source are within 1% of those in `bars`."""
    both = bars.join(other, on="date", suffix="_other")
    near = (
        (pl.col(f"{name}_other") / pl.col(name) - 1.0).abs() <= CONFIRMING_TOLERANCE
        for name in PRICES
    )
    agreed = both.filter(pl.all_horizontal(*near).fill_null(value=False))
    return sorted(agreed["date"].unique().to_list())
