"""Evaluation of formulas with windows over a frame of concatenated series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.domain.feature_engine.kernels import Block, fill
from options_platform.domain.features.windows import RollingWindow, windows_in

Integers = NDArray[np.int64]

# Cells per block, chosen so that its parts fit the cache of a core.
BLOCK_CELLS = 32_768


def series_order(frame: pl.DataFrame) -> Integers:
    """Row numbers that sort a frame by ticker and date."""
    dates = frame["date"].to_physical().to_numpy()
    names = frame["ticker"].unique().sort()
    codes = frame["ticker"].cast(pl.Enum(names)).to_physical().to_numpy()
    # Stable sorts of small integers are fast, so sort by date first (if needed), then by ticker.
    codes = codes.astype(np.min_scalar_type(max(len(names), 1)))
    if np.all(dates[1:] >= dates[:-1]):
        return np.argsort(codes, kind="stable")
    by_date = np.argsort(dates, kind="stable")
    return by_date[np.argsort(codes[by_date], kind="stable")]


def lengths_of(tickers: pl.Series) -> Integers:
    """Number of rows of each ticker; the rows of a ticker must be contiguous."""
    if tickers.is_empty():
        return np.zeros(0, dtype=np.int64)
    begins = (tickers != tickers.shift(1)).fill_null(value=True).arg_true().to_numpy()
    return np.diff(np.append(begins.astype(np.int64), len(tickers)))


def with_formulas(
    frame: pl.DataFrame, lengths: Integers, formulas: Mapping[str, pl.Expr]
) -> pl.DataFrame:
    """`frame` with the columns of `formulas`.

    Args:
        frame: rows of all series, concatenated, each sorted by date.
        lengths: number of rows of each series.
        formulas: expressions of columns of the frame, of each other, and of windows over these.

    Raises:
        ValueError: the formulas depend on each other in a cycle.
    """
    for names in _levels(formulas):
        level = [formulas[name].alias(name) for name in names]
        windows = dict.fromkeys(w for formula in level for w in windows_in(formula))
        columns = _windows(frame, lengths, list(windows))
        frame = frame.with_columns(columns).with_columns(level).drop(w.name for w in windows)
    return frame


def _windows(
    frame: pl.DataFrame, lengths: Integers, windows: Sequence[RollingWindow]
) -> list[pl.Series]:
    values = {w.column: frame[w.column].to_numpy() for w in windows}
    out = {w: np.empty(frame.height) for w in windows}
    for rows, shape in _blocks(lengths):
        blocks = {name: Block(column[rows].reshape(shape)) for name, column in values.items()}
        for window, column in out.items():
            fill(blocks[window.column], window.kernel, window.n, column[rows].reshape(shape))
    return [pl.Series(w.name, column, nan_to_null=True) for w, column in out.items()]


def _blocks(lengths: Integers) -> Iterator[tuple[slice, tuple[int, int]]]:
    """Blocks of consecutive series of equal length: their rows and their shape."""
    first, start = 0, 0
    while first < len(lengths):
        length = int(lengths[first])
        others = np.flatnonzero(lengths[first:] != length)
        alike = int(others[0]) if len(others) else len(lengths) - first
        count = min(alike, max(1, BLOCK_CELLS // length))
        stop = start + count * length
        yield slice(start, stop), (count, length)
        first, start = first + count, stop


def _levels(formulas: Mapping[str, pl.Expr]) -> list[list[str]]:
    """Formulas in groups; each uses only columns of the frame and of earlier groups."""
    needs = {
        name: {
            *(w.column for w in windows_in(formula)),
            *formula.meta.root_names(),
        }
        for name, formula in formulas.items()
    }
    waiting = dict.fromkeys(formulas)
    levels: list[list[str]] = []
    while waiting:
        level = [name for name in waiting if not needs[name] & waiting.keys()]
        if not level:
            raise ValueError(f"features refer to each other in a circle: {', '.join(waiting)}")
        levels.append(level)
        for name in level:
            del waiting[name]
    return levels
