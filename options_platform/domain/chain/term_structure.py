"""Term structure of the VIX family, as ratios to the VIX, and the short rate.

VIX9D, VIX3M and VIX6M measure the S&P 500, like the VIX. Their ratios to the VIX are applied to
every ticker: the ticker's 30-day index times the ratio is its index of the other tenor. A missing
ratio is NaN; the surface then estimates the tenor. The short rate moves the forward that options
are priced on: with a rate of 3% instead of 0, a 30-day 17-delta put is 8% too cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.domain.chain.surface import SurfaceRules, atm_vol
from options_platform.domain.chain.underlying import TermStructure, Underlying
from options_platform.domain.pricing import DAYS_A_YEAR

TENORS = ("vix9d", "vix3m", "vix6m")
"""Columns with the closes of the other tenors, index points like `vix` and `iv_close`."""
SHORT_RATE = "short_rate"
"""Column with the last 3-month yield published before the session, an annualised fraction."""

ATM_DAYS = 30
"""Calendar days of `atm_variance`, about as long as 21 sessions."""


def short_rates(days: pl.Series, yields: pl.DataFrame) -> pl.DataFrame:
    """The short rate of each of `days`: the last yield of an earlier day.

    A day's yield is published after the close, so it is used from the next day on, and carried
    forward past the end of the series.

    Args:
        days: dates.
        yields: date and yield_pct (percent a year).

    Returns:
        date, short_rate (annualised fraction) and known_on, the date of the yield; both are null
        before the series begins.
    """
    published = yields.drop_nulls("yield_pct").sort("date").with_columns(known_on=pl.col("date"))
    before = pl.DataFrame({"day": days, "date": days - timedelta(days=1)})
    joined = before.join_asof(published, on="date", strategy="backward")
    return joined.select(date="day", short_rate=pl.col("yield_pct") / 100.0, known_on="known_on")


def known_rates(rows: pl.DataFrame) -> Floats:
    """The short rate of each row, shape [rows], annualised fractions; NaN where it is missing."""
    if SHORT_RATE not in rows.columns:
        return np.full(rows.height, np.nan)
    return np.asarray(rows[SHORT_RATE].cast(pl.Float64).fill_null(np.nan).to_numpy())


def term_ratios(rows: pl.DataFrame) -> Floats:
    """Ratios of VIX9D, VIX3M and VIX6M to the VIX, shape [3, rows]; NaN where one is missing."""

    def positive_or_nan(name: str) -> Floats:
        values = rows[name].cast(pl.Float64).to_numpy()
        return np.where(np.isfinite(values) & (values > 0), values, np.nan)

    if not set(TENORS) <= set(rows.columns):
        return np.full((len(TENORS), rows.height), np.nan)
    return np.stack([positive_or_nan(name) / positive_or_nan("vix") for name in TENORS])


def term_of(index: Floats, ratios: Iterable[Floats], rate: Floats) -> TermStructure:
    """The term structure of an index (annualised fraction) from its ratios, arrays of one shape."""
    near, far, last = (index * ratio for ratio in ratios)
    return TermStructure(near, far, last, rate)


def row_term(rows: pl.DataFrame) -> TermStructure:
    """The term structure of each row, from `iv_close`, `vix` and, if present, `TENORS` and
    `SHORT_RATE`."""
    index = rows["iv_close"].cast(pl.Float64).to_numpy() / 100.0
    return term_of(index, term_ratios(rows), known_rates(rows))


def row_underlying(rows: pl.DataFrame, spot: Floats) -> Underlying:
    """What the options of each row are priced on, shape [rows].

    Args:
        rows: date, ticker, and the columns of :func:`row_term`.
        spot: close of each row, USD a share as traded.
    """
    days = rows["date"].to_numpy().astype("datetime64[D]")
    index = rows["iv_close"].to_numpy() / 100.0
    return Underlying.of(rows["ticker"], days, spot, index, row_term(rows))


def with_atm_variance(
    vix: pl.DataFrame, tenors: pl.DataFrame | None, rules: SurfaceRules
) -> pl.DataFrame:
    """What the features of the volatility premium rest on beside the bars.

    Args:
        vix: rows of the table `vix`: date, ticker, iv_close and vix, index points.
        tenors: date, and vix9d, vix3m and vix6m in index points; None where none are stored.
        rules: the surface.

    Returns:
        date, ticker, vix9d, vix3m and `atm_variance`, annualised, null without an index. Each row
        rests on its own session alone.
    """
    rows = vix.select(*KEY, "iv_close", "vix")
    if tenors is None:
        unknown = [pl.lit(None, pl.Float64).alias(name) for name in TENORS]
        rows = rows.with_columns(unknown)
    else:
        own = tenors.select("date", *TENORS)
        rows = rows.join(own, on="date", how="left", maintain_order="left")
    has_index = pl.col("iv_close").is_finite() & (pl.col("iv_close") > 0)
    quoted = rows.filter(has_index)
    variances = quoted.select(KEY).with_columns(
        atm_variance=pl.Series(_variance(quoted, rules), dtype=pl.Float64)
    )
    return rows.join(variances, on=KEY, how="left", maintain_order="left").select(
        *KEY, "vix9d", "vix3m", "atm_variance"
    )


def _variance(rows: pl.DataFrame, rules: SurfaceRules) -> Floats:
    if rows.is_empty():
        return np.empty(0)
    years = np.full(rows.height, ATM_DAYS / DAYS_A_YEAR)
    # The volatility at the forward does not depend on the spot.
    level = atm_vol(row_underlying(rows, np.full(rows.height, np.nan)), years, rules)
    return np.asarray(level * level)
