"""Ex-dates of cash dividends: known ones, and the next expected one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.domain.calendar.sessions import all_sessions

GAPS = 4


@dataclass(frozen=True)
class NextDividend:
    """The next expected dividend (USD a share) and sessions to its ex-date, negative if overdue."""

    amount: float
    sessions_ahead: int


def ex_dates(actions: pl.DataFrame) -> pl.DataFrame:
    """The cash dividends among `actions`: ticker, ex_date, dividend (USD a share), sorted.

    `actions` has date, ticker and dividend, like `raw_ohlcv` and `corporate_actions`.
    """
    return (
        actions.filter((pl.col("dividend") > 0).fill_null(value=False))
        .select("ticker", ex_date="date", dividend="dividend")
        .unique()
        .sort("ticker", "ex_date")
    )


def expected_ex_dates(keys: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The last and the next expected ex-date of each row, using only data up to its date.

    The next ex-date is expected after the median of the last four intervals, rounded down to
    whole days. First dividends and skipped ones cannot be expected.

    Args:
        keys: date and ticker.
        actions: date, ticker and dividend.

    Returns:
        date, ticker, last_ex_date and last_dividend (USD a share; both null before the first
        ex-date), and expected_ex_date (null before the second ex-date).
    """
    dividends = ex_dates(actions).with_columns(
        gap=(pl.col("ex_date") - pl.col("ex_date").shift(1).over("ticker")).dt.total_days()
    )
    median = pl.col("gap").rolling_median(GAPS, min_samples=1).over("ticker").floor()
    dividends = dividends.with_columns(
        expected_ex_date=pl.col("ex_date") + pl.duration(days=median.cast(pl.Int64))
    ).sort("ex_date")
    return (
        keys.select(KEY)
        .sort("date")
        .join_asof(
            dividends,
            left_on="date",
            right_on="ex_date",
            by="ticker",
            strategy="backward",
            check_sortedness=False,
        )
        .select(
            *KEY,
            last_ex_date="ex_date",
            last_dividend="dividend",
            expected_ex_date="expected_ex_date",
        )
        .sort(KEY)
    )


def next_dividends(keys: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The next dividend expected at the close of each row; its amount is that of the last one.

    Args:
        keys: date and ticker.
        actions: date, ticker and dividend (USD a share), with at least two ex-dates of history.

    Returns:
        date, ticker, amount (in the unit of `actions`) and sessions_ahead: sessions until the
        first session on or after the expected ex-date, negative once it has passed without a
        dividend. Both are null before the second ex-date.
    """
    expected = expected_ex_dates(keys, actions)
    every = np.array(all_sessions(), dtype="datetime64[D]")
    rows = expected.drop_nulls("expected_ex_date")
    at, ex_date = (
        np.searchsorted(every, rows[name].to_numpy().astype("datetime64[D]"))
        for name in ("date", "expected_ex_date")
    )
    ahead = rows.select(*KEY, sessions_ahead=pl.Series(ex_date - at, dtype=pl.Int64))
    return expected.join(ahead, on=KEY, how="left", maintain_order="left").select(
        *KEY,
        amount=pl.when(pl.col("sessions_ahead").is_not_null()).then("last_dividend"),
        sessions_ahead="sessions_ahead",
    )
