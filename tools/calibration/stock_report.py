"""The errors of the modelled volatility of stocks, beside those of simpler estimates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from options_platform.common import Floats
from tools.calibration.stock_fit import ESTIMATES, Estimate, by_model
from tools.markdown import table

FIRST_YEAR = 2014
"""The first year that is foretold walking forward: three years have taught before."""


class Errors(NamedTuple):
    """Mean absolute errors, vol points: of all sessions, and of those with a report within 30
    days."""

    all: float
    in_window: float


def left_out(rows: pl.DataFrame, ticker: str, estimate: Estimate = by_model) -> Errors:
    """The errors on a ticker of what the other tickers teach."""
    is_own = pl.col("ticker") == ticker
    own = rows.filter(is_own)
    return errors_of(own, estimate(rows.filter(~is_own), own))


def forward(rows: pl.DataFrame, estimate: Estimate = by_model) -> Errors:
    """The errors on each year from 2014 on of what all tickers taught before it."""
    year = pl.col("date").dt.year()
    last: int = rows.select(year.max()).item()
    parts = [
        (own, estimate(rows.filter(year < at), own))
        for at in range(FIRST_YEAR, last + 1)
        if (own := rows.filter(year == at)).height
    ]
    return errors_of(
        pl.concat(own for own, _ in parts), np.concatenate([given for _, given in parts])
    )


def errors_of(rows: pl.DataFrame, given: Floats) -> Errors:
    """The errors of estimates, vol points, in the order of `rows`."""
    sizes = rows.select("report_in_30_days", size=(pl.col("own") - pl.Series(given)).abs())
    return Errors(
        sizes["size"].mean(),  # type: ignore[arg-type]
        sizes.filter("report_in_30_days")["size"].mean(),  # type: ignore[arg-type]
    )


def page(rows: pl.DataFrame) -> str:
    """The table of errors."""
    tickers = rows["ticker"].unique().sort().to_list()
    heads = ["mean absolute error, vol points", *(f"{name} left out" for name in tickers)]
    lines = []
    for name, estimate in ESTIMATES.items():
        found = [*(left_out(rows, one, estimate) for one in tickers), forward(rows, estimate)]
        lines.append([name, *(f"{each.all:.1f} ({each.in_window:.1f})" for each in found)])
    return table([*heads, f"walking forward, {FIRST_YEAR} on"], lines)
