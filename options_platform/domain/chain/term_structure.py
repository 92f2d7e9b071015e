"""The term structure of the VIX family, as ratios to the VIX, and the short rate.

VIX9D, VIX3M and VIX6M are of the S&P 500, like the VIX. Their ratio to it is taken for every
ticker: the index of a ticker, of 30 days, times the ratio is its index of the other tenor. A
ratio that is not known is NaN, and the surface then takes the usual one. The short rate moves the
forward that options are priced on: at 3% in place of 0, a put of 30 days and 17 delta is 8% too
cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.chain import TermStructure

TENORS = ("vix9d", "vix3m", "vix6m")
"""Columns in index points, beside `vix` and `iv_close`."""
SHORT_RATE = "short_rate"
"""Column beside them: what was known of the 3-month yield before the session, as a fraction."""


def short_rates(days: pl.Series, yields: pl.DataFrame) -> pl.DataFrame:
    """date, short_rate and known_on for each of `days`: the last yield of a day before.

    The yield of a day is published after its close. It is carried past its end; before its
    beginning both are null. `yields` has date and yield_pct, in per cent a year.
    """
    known = yields.drop_nulls("yield_pct").sort("date").with_columns(known_on=pl.col("date"))
    before = pl.DataFrame({"day": days, "date": days - timedelta(days=1)})
    joined = before.join_asof(known, on="date", strategy="backward")
    return joined.select(date="day", short_rate=pl.col("yield_pct") / 100.0, known_on="known_on")


def known_rates(rows: pl.DataFrame) -> Floats:
    """The short rate of each row, shape [rows]; NaN where it is not known."""
    if SHORT_RATE not in rows.columns:
        return np.full(rows.height, np.nan)
    return np.asarray(rows[SHORT_RATE].cast(pl.Float64).fill_null(np.nan).to_numpy())


def term_ratios(rows: pl.DataFrame) -> Floats:
    """Ratios of the tenors to the VIX, shape [3, rows]; NaN where one is not known."""

    def known(name: str) -> Floats:
        values = rows[name].cast(pl.Float64).to_numpy()
        return np.where(np.isfinite(values) & (values > 0), values, np.nan)

    if not set(TENORS) <= set(rows.columns):
        return np.full((len(TENORS), rows.height), np.nan)
    return np.stack([known(name) / known("vix") for name in TENORS])


def term_of(index: Floats, ratios: Iterable[Floats], rate: Floats) -> TermStructure:
    """The tenors of an index (annualised fraction) by their ratios, arrays of one shape."""
    near, far, last = (index * ratio for ratio in ratios)
    return TermStructure(near, far, last, rate)


def row_term(rows: pl.DataFrame) -> TermStructure:
    """The term structure of rows with `iv_close`, `vix` and, where known, tenors and short rate."""
    index = rows["iv_close"].cast(pl.Float64).to_numpy() / 100.0
    return term_of(index, term_ratios(rows), known_rates(rows))
