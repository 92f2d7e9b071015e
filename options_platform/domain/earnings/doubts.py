"""Dates of past reports that trading contradicts: another session reacted.

The reaction to a report is the busiest session around it, and implied volatility collapses on it. A
date is doubtful if the anchor, or the session after the reaction, trades 1.3 times the reaction's
volume, or if volatility collapses there and less so on the reaction.
"""

from __future__ import annotations

import polars as pl

from options_platform.domain.calendar.sessions import ordinals
from options_platform.domain.earnings.crush import LOCATED, excess_falls

BUSIER = 1.3


def doubtful_dates(
    reports: pl.DataFrame, bars: pl.DataFrame, volatility: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The reports of one ticker whose date is doubtful, with `why` in words.

    Args:
        reports: date, anchor and reaction of past reports.
        bars: date and volume; a report without the bars around it is not judged by them.
        volatility: date, iv and vix, where the ticker has a volatility of its own: not the VIX,
            and none that is modelled.
    """
    calendar = ordinals()
    at = calendar.rename({"date": "reaction", "session": "_at"})
    around = reports.join(at, on="reaction", how="left", maintain_order="left").with_columns(
        _before=pl.col("_at") - 1, _after=pl.col("_at") + 1
    )
    volumes = calendar.join(bars.select("date", value="volume"), on="date")
    busy = _around(around, volumes)
    reason = _first_true(
        (busy["_on_before"] > BUSIER * busy["_on_at"], "the session before traded more"),
        (busy["_on_after"] > BUSIER * busy["_on_at"], "the session after traded more"),
    )
    if volatility is not None:
        falls = excess_falls(volatility.sort("date")).rename({"excess": "value"})
        fall = _around(around, calendar.join(falls, on="date"))
        before, on, after = (fall[f"_on_{name}"] for name in ("before", "at", "after"))
        by_fall = _first_true(
            ((before <= LOCATED) & (before < on), "volatility collapsed the session before"),
            ((after <= LOCATED) & (after < on), "volatility collapsed the session after"),
        )
        reason = by_fall.zip_with(by_fall.is_not_null(), reason)
    return reports.with_columns(why=reason).filter(pl.col("why").is_not_null())


def _around(around: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """`_on_before`, `_on_at` and `_on_after`: the values on and next to each reaction."""
    for name in ("before", "at", "after"):
        around = around.join(
            values.select(
                pl.col("session").alias(f"_{name}"), pl.col("value").alias(f"_on_{name}")
            ),
            on=f"_{name}",
            how="left",
            maintain_order="left",
        )
    return around


def _first_true(first: tuple[pl.Series, str], second: tuple[pl.Series, str]) -> pl.Series:
    frame = pl.DataFrame({"first": first[0], "second": second[0]})
    chosen = pl.when("first").then(pl.lit(first[1])).when("second").then(pl.lit(second[1]))
    return frame.select(chosen).to_series()
