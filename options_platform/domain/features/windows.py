"""Window expressions shared by the declarations; null before the window is full.

Series run per ticker from its first bar. Polars' rolling kernels update a running sum, so their
last bits depend on where a series starts: it always starts at the first bar.
"""

from __future__ import annotations

import polars as pl

TRADING_DAYS = 252


def sma(column: str, n: int) -> pl.Expr:
    """Simple moving average over n rows."""
    return pl.col(column).rolling_mean(n)


def std(column: str, n: int, *, ddof: int = 1) -> pl.Expr:
    """Standard deviation over n rows, from n - ddof.

    Constant windows give exactly zero: the running sums of a rolling kernel would leave noise
    of the order of 1e-9, which a ratio then blows up.
    """
    value = pl.col(column)
    constant = value.rolling_max(n) == value.rolling_min(n)
    return pl.when(constant).then(0.0).otherwise(value.rolling_std(n, ddof=ddof))


def ema(column: str, n: int) -> pl.Expr:
    """Exponential moving average, alpha = 2 / (n + 1), started at the first value.

    Null before n values, like every window.
    """
    value = pl.col(column)
    average = value.ewm_mean(alpha=2.0 / (n + 1), adjust=False, ignore_nulls=True)
    return pl.when(value.is_not_null().cum_sum() >= n).then(average)


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Quotient; null where the denominator is zero."""
    return pl.when(denominator != 0).then(numerator / denominator)


def rsi(n: int) -> pl.Expr:
    """Relative strength index, 0 to 100, of `close`.

    Wilder, New Concepts in Technical Trading Systems (1978): the first averages of gains and
    losses are the means of the first n changes, later ones are smoothed with 1/n. 100 where
    there were no losses, 50 where the price did not move at all.
    """
    gain, loss = _wilder("gain", n), _wilder("loss", n)
    return (
        pl.when((gain + loss) > 0)
        .then(100.0 * gain / (gain + loss))
        .when((gain + loss) == 0)
        .then(50.0)
    )


def _wilder(column: str, n: int) -> pl.Expr:
    value = pl.col(column)
    nth = value.is_not_null().cum_sum()
    seed = value.rolling_mean(n)
    # The series starts with its seed, so that the recursion goes on from it.
    seeded = pl.when(nth == n).then(seed).when(nth > n).then(value)
    return seeded.ewm_mean(alpha=1.0 / n, adjust=False, ignore_nulls=True)


def rank(column: str, n: int = TRADING_DAYS) -> pl.Expr:
    """(v - min) / (max - min) over the last n values, today included, 0 to 1."""
    value = pl.col(column)
    low, high = value.rolling_min(n), value.rolling_max(n)
    return ratio(value - low, high - low)


def percentile(column: str, n: int = TRADING_DAYS) -> pl.Expr:
    """Share of the n previous values strictly below today's, 0 to 1."""
    value = pl.col(column)
    ranked = value.rolling_rank(n + 1, method="min")
    return (ranked - 1).cast(pl.Float64) / n
