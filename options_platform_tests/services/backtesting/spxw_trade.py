"""A put spread on the real SPXW quotes of January and February 2018."""

from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import shift
from options_platform_tests.domain.backtest.small import plan

EXPIRY = date(2018, 2, 28)
BULL_PUT = [("sell", "put", 2650.0, EXPIRY), ("buy", "put", 2600.0, EXPIRY)]
# On 2018-02-01 the mids were 4.65 and 2.85.
PLANNED = plan(date(2018, 2, 1), BULL_PUT, ticker="SPX", price=-1.80, loss=48.2, profit=1.8)


def mark_on(result, day):
    return result.marks.filter(pl.col("session") == day)["mark_price"].item()


def put_spread(day, short, long):
    """The spread planned on the session before `day`, worth its mark on `day`."""
    planned = shift(day, -1)
    expiry = EXPIRY if day.month == 2 else date(2018, 1, 31)
    legs = [("sell", "put", short, expiry), ("buy", "put", long, expiry)]
    return plan(planned, legs, ticker="SPX", price=-5.0, loss=45.0, profit=5.0)
