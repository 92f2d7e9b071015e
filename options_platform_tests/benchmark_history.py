"""A made-up history of the S&P 500 for the strategy indices, without dividends or yields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from options_platform.domain.benchmarks import index_history
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import ChainRules, SurfaceRules

JANUARY, FEBRUARY, MARCH = date(2015, 1, 16), date(2015, 2, 20), date(2015, 3, 20)
"""Roll days: third Fridays."""
FLAT = ChainRules(risk_free_rate=0.0, surface=SurfaceRules.flat())
"""Every volatility is the index, and money bears no interest."""


def spot_history(
    opens: Mapping[date, float] | None = None,
    closes: Mapping[date, float] | None = None,
    spot: float = 1003.0,
    vix: float = 20.0,
) -> pl.DataFrame:
    """The index at `spot` in every session of 2015's first months, but for `opens` and `closes`."""
    days = sessions(date(2014, 12, 1), date(2015, 4, 30))
    opens, closes = opens or {}, closes or {}
    prices = pl.DataFrame(
        {
            "date": days,
            "open": [opens.get(day, spot) / 10.0 for day in days],
            "close": [closes.get(day, spot) / 10.0 for day in days],
        }
    ).with_columns(adj_close="close")
    nothing = pl.lit(None, dtype=pl.Float64)
    volatility = pl.DataFrame({"date": days}).select(
        "date", vix_open=pl.lit(vix), vix=pl.lit(vix), vix9d=nothing, vix3m=nothing, vix6m=nothing
    )
    yields = pl.DataFrame(schema={"date": pl.Date, "yield_pct": pl.Float64})
    return index_history(prices, volatility, yields)
