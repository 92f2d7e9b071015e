"""What the models see: rows of all tickers in one matrix, with labels and their days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.contracts import DIRECTIONS
from options_platform.domain.features.registry import FEATURES
from options_platform.errors import IncompleteDataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """Rows sorted by date and ticker; `columns` holds each model input as a float array.

    `direction` is the class number (0 bearish, 1 neutral, 2 bullish, -1 unknown); unknown
    numbers are NaN.
    """

    keys: pl.DataFrame
    dates: NDArray[np.datetime64]
    known_on: NDArray[np.datetime64]
    columns: dict[str, Floats]
    direction: NDArray[np.int64]
    fwd_iv_rank: Floats
    fwd_rv: Floats
    fwd_regime_differs: Floats

    def matrix(self, names: Sequence[str]) -> Floats:
        """The named inputs side by side, one row a row."""
        return np.column_stack([self.columns[name] for name in names])

    def complete(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Rows in which all the named inputs are known."""
        known = np.ones(len(self.dates), dtype=bool)
        for name in names:
            known &= np.isfinite(self.columns[name])
        return known


def model_inputs() -> list[str]:
    """Names of the columns that a model may see; categories have one column a value."""
    names: list[str] = []
    for feature in FEATURES:
        if not feature.model or feature.name == "regime":
            continue
        if feature.dtype == pl.String:
            names += [f"{feature.name}_{value}" for value in feature.values or ()]
        else:
            names.append(feature.name)
    return names


def make_dataset(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    pool: Sequence[str],
    end: date,
    horizon: int = 5,
) -> Dataset:
    """The rows of all tickers of `pool` up to `end`.

    Raises :class:`IncompleteDataError` if a ticker of the pool has no features, ends before
    `end`, or lacks labels for its features.
    """
    features = features.filter(pl.col("date") <= end).sort("date", "ticker")
    _require_pool(features, labels, pool, end)
    rows = features.join(labels, on=["date", "ticker"], how="left", maintain_order="left")
    later = pl.col("regime").shift(-horizon).over("ticker", order_by="date")
    differs = (later != pl.col("regime")).cast(pl.Float64)
    rows = rows.with_columns(differs=differs)
    numbers = {name: number for number, name in enumerate(DIRECTIONS)}
    direction = rows["direction"].replace_strict(numbers, default=-1, return_dtype=pl.Int64)
    return Dataset(
        keys=rows.select("date", "ticker"),
        dates=rows["date"].to_numpy().astype("datetime64[D]"),
        known_on=rows["known_on"].to_numpy().astype("datetime64[D]"),
        columns=_columns(rows),
        direction=direction.to_numpy(),
        fwd_iv_rank=_floats(rows["fwd_iv_rank_5d"]),
        fwd_rv=_floats(rows["fwd_rv_5d"]),
        fwd_regime_differs=_floats(rows["differs"]),
    )


def _columns(rows: pl.DataFrame) -> dict[str, Floats]:
    columns: dict[str, Floats] = {}
    for feature in FEATURES:
        series = rows[feature.name]
        if feature.dtype == pl.String:
            for value in feature.values or ():
                columns[f"{feature.name}_{value}"] = _floats((series == value).cast(pl.Float64))
        else:
            columns[feature.name] = _floats(series.cast(pl.Float64))
    return columns


def _floats(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _require_pool(
    features: pl.DataFrame, labels: pl.DataFrame, pool: Sequence[str], end: date
) -> None:
    newest = dict(features.group_by("ticker").agg(pl.col("date").max()).iter_rows())
    last = max(newest.values(), default=None)
    for ticker in pool:
        have = newest.get(ticker)
        if have is None or (last is not None and have < last):
            begin = have or "the first session"
            raise IncompleteDataError(
                f"the models are trained on {', '.join(pool)} together, but features of {ticker} "
                f"end {have}, not {end}; run: options-platform backfill --start {begin} "
                f"--end {end} --tickers {ticker} --select raw_ohlcv,vix,features,labels"
            )
    lacking = features.filter(pl.col("ticker").is_in(list(pool))).join(
        labels, on=["date", "ticker"], how="anti"
    )
    if lacking.height:
        day, ticker = lacking.select("date", "ticker").row(0)
        raise IncompleteDataError(
            f"labels lack {lacking.height} rows, first {day} {ticker}; run: options-platform "
            f"backfill --start {day} --end {end} --tickers {ticker} --select labels"
        )
