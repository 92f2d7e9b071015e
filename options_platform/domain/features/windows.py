"""Window functions for feature formulas; null until the window is full.

Each function returns a column named like `sma(close, 20)`. `series.with_formulas` computes that
column with the kernel of the same name before it evaluates the formula, which otherwise works row
by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

TRADING_DAYS = 252

_NAME = re.compile(r"(?P<kernel>\w+)\((?P<column>\w+), (?P<n>\d+)\)")


@dataclass(frozen=True)
class RollingWindow:
    """A kernel applied to n rows of a column, per ticker."""

    kernel: str
    column: str
    n: int

    @property
    def name(self) -> str:
        """Name of the column with its values."""
        return f"{self.kernel}({self.column}, {self.n})"


def windows_in(formula: pl.Expr) -> list[RollingWindow]:
    """The windows in a formula, in order of first use."""
    matches = (_NAME.fullmatch(name) for name in dict.fromkeys(formula.meta.root_names()))
    return [RollingWindow(m["kernel"], m["column"], int(m["n"])) for m in matches if m]


def _window(kernel: str, column: str, n: int) -> pl.Expr:
    return pl.col(RollingWindow(kernel, column, n).name)


def lag(column: str, n: int) -> pl.Expr:
    """Value n rows earlier."""
    return _window("lag", column, n)


def total(column: str, n: int) -> pl.Expr:
    """Sum of n rows."""
    return _window("total", column, n)


def sma(column: str, n: int) -> pl.Expr:
    """Simple moving average over n rows."""
    return _window("sma", column, n)


def highest(column: str, n: int) -> pl.Expr:
    """Maximum over n rows."""
    return _window("highest", column, n)


def lowest(column: str, n: int) -> pl.Expr:
    """Minimum over n rows."""
    return _window("lowest", column, n)


def sample_std(column: str, n: int) -> pl.Expr:
    """Sample standard deviation over n rows (divisor n - 1); exactly zero for equal values."""
    return _window("sample_std", column, n)


def population_std(column: str, n: int) -> pl.Expr:
    """Population standard deviation over n rows (divisor n); exactly zero for equal values."""
    return _window("population_std", column, n)


def ema(column: str, n: int) -> pl.Expr:
    """Exponential moving average, alpha = 2 / (n + 1), started at the first value.

    Null before n values, like every window.
    """
    return _window("ema", column, n)


def rsi(n: int) -> pl.Expr:
    """Relative strength index of `close`, 0 to 100.

    Wilder, New Concepts in Technical Trading Systems (1978): the first averages of gains and losses
    are the means of the first n changes; later ones are smoothed with 1/n. 100 without losses, 50
    if the price did not move at all.
    """
    return _window("rsi", "close", n)


def rank(column: str, n: int = TRADING_DAYS) -> pl.Expr:
    """(v - min) / (max - min) over the last n values, today included, 0 to 1; null if constant."""
    low, high = lowest(column, n), highest(column, n)
    return ratio(pl.col(column) - low, high - low)


def percentile(column: str, n: int = TRADING_DAYS) -> pl.Expr:
    """Fraction of the n previous values strictly below today's, 0 to 1."""
    return _window("percentile", column, n)


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Quotient; null if the denominator is zero."""
    return pl.when(denominator != 0).then(numerator / denominator)
