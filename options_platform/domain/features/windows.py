"""Windows that declarations are made of; null before the window is full.

Each function names a column, `sma(close, 20)`, that `series.with_formulas` fills by the kernel
of that name before the formula is evaluated. The rest of a formula works row by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

TRADING_DAYS = 252

_NAME = re.compile(r"(?P<kernel>\w+)\((?P<column>\w+), (?P<n>\d+)\)")


@dataclass(frozen=True)
class RollingWindow:
    """A kernel over n rows of a column, per ticker."""

    kernel: str
    column: str
    n: int

    @property
    def name(self) -> str:
        """The column that holds it."""
        return f"{self.kernel}({self.column}, {self.n})"


def windows_in(formula: pl.Expr) -> list[RollingWindow]:
    """The windows that a formula needs, in the order of their first use."""
    found = (_NAME.fullmatch(name) for name in dict.fromkeys(formula.meta.root_names()))
    return [RollingWindow(m["kernel"], m["column"], int(m["n"])) for m in found if m]


def _window(kernel: str, column: str, n: int) -> pl.Expr:
    return pl.col(RollingWindow(kernel, column, n).name)


def lag(column: str, n: int) -> pl.Expr:
    """The value n rows before."""
    return _window("lag", column, n)


def total(column: str, n: int) -> pl.Expr:
    """Sum over n rows."""
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
    """Standard deviation over n rows, from n - 1; exactly zero where they are all equal."""
    return _window("sample_std", column, n)


def population_std(column: str, n: int) -> pl.Expr:
    """Standard deviation over n rows, from n; exactly zero where they are all equal."""
    return _window("population_std", column, n)


def ema(column: str, n: int) -> pl.Expr:
    """Exponential moving average, alpha = 2 / (n + 1), started at the first value.

    Null before n values, like every window.
    """
    return _window("ema", column, n)


def rsi(n: int) -> pl.Expr:
    """Relative strength index, 0 to 100, of `close`.

    Wilder, New Concepts in Technical Trading Systems (1978): the first averages of gains and
    losses are the means of the first n changes, later ones are smoothed with 1/n. 100 where
    there were no losses, 50 where the price did not move at all.
    """
    return _window("rsi", "close", n)


def rank(column: str, n: int = TRADING_DAYS) -> pl.Expr:
    """(v - min) / (max - min) over the last n values, today included, 0 to 1."""
    low, high = lowest(column, n), highest(column, n)
    return ratio(pl.col(column) - low, high - low)


def percentile(column: str, n: int = TRADING_DAYS) -> pl.Expr:
    """Share of the n previous values strictly below today's, 0 to 1."""
    return _window("percentile", column, n)


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Quotient; null where the denominator is zero."""
    return pl.when(denominator != 0).then(numerator / denominator)
