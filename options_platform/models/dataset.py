"""What the models see: rows of all tickers in one matrix, with their labels and label days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.contracts import DIRECTIONS
from options_platform.domain.feature_engine.labels import HORIZON, known_too_early
from options_platform.domain.features.registry import FEATURES
from options_platform.domain.features.spec import Feature
from options_platform.errors import ContractError, IncompleteDataError
from options_platform.models.walk_forward import LeakError

Rows = NDArray[np.int64]
Days = NDArray[np.datetime64]

UNKNOWN_CLASS = -1


@dataclass(frozen=True)
class Sample:
    """Model inputs and targets, row by row; an unknown number is NaN.

    `dates` are the sessions, ascending, and `known_on` the days on which the targets are known;
    `inputs` has one column for each of `names`; `direction` is the class number (0 bearish,
    1 neutral, 2 bullish, -1 unknown); `regime_differs` is 1 where the regime in 5 sessions is
    another one than today's.
    """

    names: tuple[str, ...]
    dates: Days
    known_on: Days
    inputs: Floats
    direction: Rows
    fwd_return: Floats
    fwd_iv_rank: Floats
    fwd_rv: Floats
    regime_differs: Floats

    def __len__(self) -> int:
        return len(self.inputs)

    def column(self, name: str) -> Floats:
        """One input."""
        return self.inputs[:, self.names.index(name)]

    def matrix(self, names: Sequence[str]) -> Floats:
        """The named inputs, shape (rows, names)."""
        return self.inputs[:, [self.names.index(name) for name in names]]

    def complete(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Rows in which all the named inputs are known."""
        return np.asarray(np.isfinite(self.matrix(names)).all(axis=1))

    def take(self, rows: Rows) -> Sample:
        """The sample of those rows, in their order."""
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        return Sample(**{k: v if k == "names" else v[rows] for k, v in parts.items()})

    def without_targets(self) -> Sample:
        """The same rows with every target unknown: what a model may see when it predicts."""
        unknown = np.full(len(self), np.nan)
        return replace(
            self,
            direction=np.full(len(self), UNKNOWN_CLASS, dtype=np.int64),
            fwd_return=unknown,
            fwd_iv_rank=unknown,
            fwd_rv=unknown,
            regime_differs=unknown,
        )


@dataclass(frozen=True)
class Dataset:
    """A sample sorted by date and ticker, with its keys and the days its labels are known."""

    keys: pl.DataFrame
    dates: Days
    known_on: Days
    sample: Sample

    def of_tickers(self, tickers: Sequence[str]) -> Dataset:
        """The rows of those tickers."""
        rows = np.flatnonzero(self.keys["ticker"].is_in(list(tickers)).to_numpy())
        return Dataset(
            self.keys[rows], self.dates[rows], self.known_on[rows], self.sample.take(rows)
        )


def input_features() -> dict[str, Feature]:
    """The feature of each column that a model may see; a category has one column a value."""
    found: dict[str, Feature] = {}
    for feature in FEATURES:
        if not feature.model or feature.name == "regime":
            continue
        if feature.dtype == pl.String:
            found |= {f"{feature.name}_{value}": feature for value in feature.values or ()}
        else:
            found[feature.name] = feature
    return found


def model_inputs() -> tuple[str, ...]:
    """Names of the columns that a model may see."""
    return tuple(input_features())


def make_dataset(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    pool: Sequence[str],
    end: date,
    horizon: int = HORIZON,
) -> Dataset:
    """The rows of all tickers of `pool` up to the session `end`; those that are listed by then.

    Raises :class:`IncompleteDataError` if a ticker of the pool has no features, ends before
    `end`, or lacks labels for its features, and :class:`LeakError` if a label is said to be
    known less than `horizon` sessions after its date: the purge rests on that day. Raises
    :class:`ContractError` if a feature is infinite: unknown is null or NaN.
    """
    features = features.filter(pl.col("date") <= end).sort("date", "ticker")
    _require_pool(features, labels, pool, end)
    _require_not_infinite(features)
    _require_horizon(labels, horizon)
    rows = features.join(labels, on=["date", "ticker"], how="left", maintain_order="left")
    later = pl.col("regime").shift(-horizon).over("ticker", order_by="date")
    rows = rows.with_columns(regime_differs=(later != pl.col("regime")))
    numbers = {name: number for number, name in enumerate(DIRECTIONS)}
    direction = rows["direction"].replace_strict(
        numbers, default=UNKNOWN_CLASS, return_dtype=pl.Int64
    )
    names = model_inputs()
    columns = _columns(rows)
    dates = rows["date"].to_numpy().astype("datetime64[D]")
    known_on = rows["known_on"].to_numpy().astype("datetime64[D]")
    sample = Sample(
        names=names,
        dates=dates,
        known_on=known_on,
        inputs=np.column_stack([columns[name] for name in names]),
        direction=direction.to_numpy(),
        fwd_return=_floats(rows["fwd_return_5d"]),
        fwd_iv_rank=_floats(rows["fwd_iv_rank_5d"]),
        fwd_rv=_floats(rows["fwd_rv_5d"]),
        regime_differs=_floats(rows["regime_differs"]),
    )
    return Dataset(
        keys=rows.select("date", "ticker"),
        dates=dates,
        known_on=known_on,
        sample=sample,
    )


def _columns(rows: pl.DataFrame) -> dict[str, Floats]:
    columns: dict[str, Floats] = {}
    for feature in FEATURES:
        series = rows[feature.name]
        if feature.dtype == pl.String:
            for value in feature.values or ():
                columns[f"{feature.name}_{value}"] = _floats(series == value)
        else:
            columns[feature.name] = _floats(series)
    return columns


def _floats(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _require_not_infinite(features: pl.DataFrame) -> None:
    columns = [name for name in model_inputs() if features.schema.get(name) == pl.Float64]
    infinite = features.filter(pl.any_horizontal(pl.col(columns).is_infinite()))
    if infinite.height:
        row = infinite.row(0, named=True)
        found = [name for name in columns if row[name] in (float("inf"), -float("inf"))]
        raise ContractError(
            f"{', '.join(found)} of {row['ticker']} on {row['date']} is infinite; run: "
            f"options-platform backfill --start {row['date']} --end {row['date']} "
            "--select features"
        )


def _require_horizon(labels: pl.DataFrame, horizon: int) -> None:
    early = known_too_early(labels, horizon).select("date", "ticker", "known_on")
    if early.height:
        day, ticker, known_on = early.sort("date", "ticker").row(0)
        last = early.select(pl.col("date").max()).item()
        raise LeakError(
            f"{early.height} labels are said to be known before the {horizon} sessions that they "
            f"tell of are over, first {day} {ticker} on {known_on}; run: options-platform backfill "
            f"--start {day} --end {last} --select labels"
        )


def _require_pool(
    features: pl.DataFrame, labels: pl.DataFrame, pool: Sequence[str], end: date
) -> None:
    newest = dict(features.group_by("ticker").agg(pl.col("date").max()).iter_rows())
    for ticker in pool:
        have = newest.get(ticker)
        if have is None or have < end:
            raise IncompleteDataError(
                f"the models are trained on {', '.join(pool)} together, but features of {ticker} "
                f"end {have or 'before they begin'}, not {end}; run: options-platform backfill "
                f"--start {have or end} --end {end} --tickers {ticker} "
                "--select raw_ohlcv,vix,features,labels"
            )
    lacking = features.filter(pl.col("ticker").is_in(list(pool))).join(
        labels, on=["date", "ticker"], how="anti", maintain_order="left"
    )
    if lacking.height:
        day, ticker = lacking.select("date", "ticker").row(0)
        raise IncompleteDataError(
            f"labels lack {lacking.height} rows, first {day} {ticker}; run: options-platform "
            f"backfill --start {day} --end {end} --tickers {ticker} --select labels"
        )
