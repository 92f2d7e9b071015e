"""The term structure of the VIX family, as ratios to the VIX.

VIX9D, VIX3M and VIX6M are of the S&P 500, like the VIX. Their ratio to it is taken for every
ticker: the index of a ticker, of 30 days, times the ratio is its index of the other tenor. A
ratio that is not known is NaN, and the surface then takes the usual one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from options_platform.domain.chain import NO_TERM, TermStructure
from options_platform.domain.pricing import Floats

TENORS = ("vix9d", "vix3m", "vix6m")
"""Columns in index points, beside `vix` and `iv_close`."""


def term_ratios(rows: pl.DataFrame) -> Floats:
    """Ratios of the tenors to the VIX, shape [3, rows]; NaN where one is not known."""

    def known(name: str) -> Floats:
        values = rows[name].cast(pl.Float64).to_numpy()
        return np.where(np.isfinite(values) & (values > 0), values, np.nan)

    if not set(TENORS) <= set(rows.columns):
        return np.full((len(TENORS), rows.height), np.nan)
    return np.stack([known(name) / known("vix") for name in TENORS])


def term_of(index: Floats, ratios: Iterable[Floats]) -> TermStructure:
    """The tenors of an index (annualised fraction) by their ratios, arrays of one shape."""
    return TermStructure(*(index * ratio for ratio in ratios))


def row_term(rows: pl.DataFrame) -> TermStructure:
    """The term structure of rows that have `iv_close`, `vix` and, where known, the tenors."""
    if not set(TENORS) <= set(rows.columns):
        return NO_TERM
    index = rows["iv_close"].cast(pl.Float64).to_numpy() / 100.0
    return term_of(index, term_ratios(rows))
