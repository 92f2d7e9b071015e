"""Ex-dates of cash dividends: those known so far, and when the next one is to be expected."""

from __future__ import annotations

import polars as pl

KEY = ["date", "ticker"]
GAPS = 4


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
