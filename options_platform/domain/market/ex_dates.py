"""Ex-dates of cash dividends: those known so far, and when the next one is to be expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.domain.calendar.sessions import all_sessions

GAPS = 4


@dataclass(frozen=True)
class NextDividend:
    """The dividend to expect next, USD a share, and the sessions to its ex-date, < 0 if overdue."""

    amount: float
    sessions_ahead: int


def ex_dates(actions: pl.DataFrame) -> pl.DataFrame:
    """The ex-dates among corporate actions: ticker, ex_date, dividend (USD a share), sorted.

    `actions` has date, ticker and dividend, as bars and the table of corporate actions do.
    """
    return (
        actions.filter((pl.col("dividend") > 0).fill_null(value=False))
        .select("ticker", ex_date="date", dividend="dividend")
        .unique()
        .sort("ticker", "ex_date")
    )


def expected_ex_dates(keys: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The last ex-date of each row and the next one to expect, from what was known on its date.

    The next one is put the median of the last four gaps after the last one, rounded down to whole
    days. A dividend that skips a period, or a first one, is not foreseen.

    Args:
        keys: date and ticker.
        actions: date, ticker and dividend.

    Returns:
        date, ticker, last_ex_date, last_dividend and expected_ex_date; null before there are one
        and two ex-dates.
    """
    known = ex_dates(actions).with_columns(
        gap=(pl.col("ex_date") - pl.col("ex_date").shift(1).over("ticker")).dt.total_days()
    )
    median = pl.col("gap").rolling_median(GAPS, min_samples=1).over("ticker").floor()
    known = known.with_columns(
        expected_ex_date=pl.col("ex_date") + pl.duration(days=median.cast(pl.Int64))
    ).sort("ex_date")
    return (
        keys.select(KEY)
        .sort("date")
        .join_asof(
            known,
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
    """The dividend to expect next at the close of each row, as large as the last one.

    Args:
        keys: date and ticker.
        actions: date, ticker and dividend (USD a share); the more history the better.

    Returns:
        date, ticker, amount in the unit of `actions` and sessions_ahead to the session on or
        after the expected ex-date, negative once that has passed without a dividend; null before
        there are two ex-dates.
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
