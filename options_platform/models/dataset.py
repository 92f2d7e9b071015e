"""Datasets of the models: inputs of all tickers in one matrix, targets, and label dates."""

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
from options_platform.errors import ContractError, IncompleteDataError, UsageError
from options_platform.models.stock_rows import FUNDS_ONLY, StockRows
from options_platform.models.walk_forward import LeakError

Rows = NDArray[np.int64]
Days = NDArray[np.datetime64]

UNKNOWN_CLASS = -1
NO_ROW = -1


@dataclass(frozen=True)
class History:
    """Where the earlier sessions of a sample's rows are, for models that read sequences.

    `inputs` are those of the whole dataset, shape (all rows, names), shared by all samples taken
    from it. `previous` has the index of the row of the same ticker one session earlier, -1 before
    its first. `rows` are the indices of the sample's rows. Only earlier rows can be reached.
    """

    inputs: Floats
    previous: Rows
    rows: Rows

    def take(self, rows: Rows) -> History:
        """The history of the given rows of the sample."""
        return History(self.inputs, self.previous, self.rows[rows])

    def earlier(self, sessions: int) -> Rows:
        """Indices of the `sessions` rows before each row, oldest first, -1 before a ticker's first.

        Shape (rows, sessions).
        """
        indices = np.full((len(self.rows), sessions), NO_ROW, dtype=np.int64)
        row = self.rows
        for column in range(sessions - 1, -1, -1):
            row = np.where(row == NO_ROW, NO_ROW, self.previous[row])
            indices[:, column] = row
        return indices


@dataclass(frozen=True)
class Sample:
    """Model inputs and targets, one row per session and ticker; missing numbers are NaN.

    `dates` are the sessions, ascending; `known_on` the days on which the targets become known;
    `inputs` has shape (rows, names). `direction` is the class: 0 bearish, 1 neutral, 2 bullish, -1
    unknown. `fwd_return` (fraction), `fwd_iv_rank` (0 to 1) and `fwd_rv` (annualised fraction) are
    5 sessions ahead. `regime_differs` is 1 if the regime in 5 sessions differs from today's.
    `history` leads to the earlier sessions; None where rows are served one by one.
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
    history: History | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def column(self, name: str) -> Floats:
        """The input of that name, shape (rows,)."""
        return self.inputs[:, self.names.index(name)]

    def matrix(self, names: Sequence[str]) -> Floats:
        """The named inputs, shape (rows, names)."""
        return self.inputs[:, [self.names.index(name) for name in names]]

    def complete(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Whether all the named inputs of a row are finite, shape (rows,)."""
        return np.asarray(np.isfinite(self.matrix(names)).all(axis=1))

    def sequences(self, names: Sequence[str], sessions: int) -> Floats:
        """The named inputs of the last `sessions` sessions of each row's ticker, oldest first.

        Shape (rows, sessions, names); the last session is the row itself. NaN before the ticker's
        first session. A row has the same sequence whatever the other rows of the sample are.

        Raises :class:`UsageError` if the sample has no history.
        """
        if self.history is None:
            raise UsageError(
                f"this model reads the last {sessions} sessions of a ticker, and these are single "
                "rows without their history; its predictions are in the table model_predictions, "
                "or choose a champion that reads one session"
            )
        earlier = self.history.earlier(sessions - 1)
        columns = [self.names.index(name) for name in names]
        before = self.history.inputs[:, columns][earlier]
        before[earlier == NO_ROW] = np.nan
        return np.concatenate([before, self.matrix(names)[:, None, :]], axis=1)

    def take(self, rows: Rows) -> Sample:
        """The given rows, in this order."""
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        names, history = parts.pop("names"), parts.pop("history")
        taken = {name: values[rows] for name, values in parts.items()}
        return Sample(names=names, history=None if history is None else history.take(rows), **taken)

    def without_targets(self) -> Sample:
        """The same rows with all targets unknown, as a model may see them when it predicts."""
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
    """A sample sorted by date and ticker, with its keys and the days on which labels are known.

    `left_out` marks rows that no model is trained on; without it there are none.
    """

    keys: pl.DataFrame
    dates: Days
    known_on: Days
    sample: Sample
    left_out: NDArray[np.bool_] | None = None

    def of_tickers(self, tickers: Sequence[str]) -> Dataset:
        """The rows of the given tickers."""
        rows = np.flatnonzero(self.keys["ticker"].is_in(list(tickers)).to_numpy())
        return Dataset(
            self.keys[rows],
            self.dates[rows],
            self.known_on[rows],
            self.sample.take(rows),
            None if self.left_out is None else self.left_out[rows],
        )


def input_features() -> dict[str, Feature]:
    """The feature behind each model input; a categorical feature has one input per value."""
    inputs: dict[str, Feature] = {}
    for feature in FEATURES:
        if not feature.model or feature.name == "regime":
            continue
        if feature.dtype == pl.String:
            inputs |= {f"{feature.name}_{value}": feature for value in feature.values or ()}
        else:
            inputs[feature.name] = feature
    return inputs


def model_inputs() -> tuple[str, ...]:
    """Names of the inputs that models may use."""
    return tuple(input_features())


def input_table(
    features: pl.DataFrame, labels: pl.DataFrame | None = None, stocks: StockRows = FUNDS_ONLY
) -> pl.DataFrame:
    """The inputs of rows of `features` as numbers, one column each in the order of models.

    Missing numbers are NaN. `labels` are those of the same rows, for the inputs of `stocks`.
    """
    columns = _columns(features)
    table = pl.DataFrame({name: columns[name] for name in model_inputs()})
    if labels is None or not stocks.names:
        return table
    bands = labels.select("date", "ticker", "neutral_band")
    keys = features.select("date", "ticker")
    rows = keys.join(bands, on=["date", "ticker"], how="left", maintain_order="left")
    return table.hstack(stocks.columns(rows))


def make_dataset(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    pool: Sequence[str],
    end: date,
    horizon: int = HORIZON,
    stocks: StockRows = FUNDS_ONLY,
) -> Dataset:
    """The rows of all tickers in `pool` up to the session `end`.

    Args:
        features: rows of `features`.
        labels: rows of `labels`.
        pool: tickers that are trained together.
        end: last session.
        horizon: sessions until a label is known.
        stocks: what rows of companies have beside, and which of them are not trained on.

    Raises:
        IncompleteDataError: a ticker of the pool has no features, ends before `end`, or has
            features without labels.
        LeakError: the `known_on` of a label is less than `horizon` sessions after its date; the
            purge relies on that day.
        ContractError: a feature is infinite; missing values must be null or NaN.
    """
    features = features.filter(pl.col("date") <= end).sort("date", "ticker")
    _require_pool(features, labels, pool, end)
    _require_not_infinite(features)
    _require_horizon(labels, horizon)
    rows = features.join(labels, on=["date", "ticker"], how="left", maintain_order="left")
    later = pl.col("regime").shift(-horizon).over("ticker", order_by="date")
    rows = rows.with_columns(regime_differs=(later != pl.col("regime")))
    class_numbers = {name: class_number for class_number, name in enumerate(DIRECTIONS)}
    direction = rows["direction"].replace_strict(
        class_numbers, default=UNKNOWN_CLASS, return_dtype=pl.Int64
    )
    names = model_inputs()
    columns = _columns(rows)
    dates = rows["date"].to_numpy().astype("datetime64[D]")
    known_on = rows["known_on"].to_numpy().astype("datetime64[D]")
    inputs = np.column_stack([columns[name] for name in names])
    if stocks.names:
        names = (*names, *stocks.names)
        inputs = np.column_stack([inputs, stocks.columns(rows).to_numpy()])
    left_out = None
    if stocks.leaves_out_reactions:
        left_out = rows["reaction_in_5d"].fill_null(value=False).to_numpy()
    sample = Sample(
        names=names,
        dates=dates,
        known_on=known_on,
        inputs=inputs,
        direction=direction.to_numpy(),
        fwd_return=_floats(rows["fwd_return_5d"]),
        fwd_iv_rank=_floats(rows["fwd_iv_rank_5d"]),
        fwd_rv=_floats(rows["fwd_rv_5d"]),
        regime_differs=_floats(rows["regime_differs"]),
        history=History(inputs, _previous_rows(rows), np.arange(len(inputs))),
    )
    return Dataset(
        keys=rows.select("date", "ticker"),
        dates=dates,
        known_on=known_on,
        sample=sample,
        left_out=left_out,
    )


def _previous_rows(rows: pl.DataFrame) -> Rows:
    """The index of each ticker's row one session earlier, -1 before its first."""
    numbered = rows.select("ticker", row=pl.int_range(pl.len(), dtype=pl.Int64))
    previous = pl.col("row").shift(1, fill_value=NO_ROW).over("ticker")
    return numbered.select(previous)["row"].to_numpy()


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
        infinite_names = [name for name in columns if row[name] in (float("inf"), -float("inf"))]
        raise ContractError(
            f"{', '.join(infinite_names)} of {row['ticker']} on {row['date']} is infinite; run: "
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
        last_date = newest.get(ticker)
        if last_date is None or last_date < end:
            raise IncompleteDataError(
                f"the models are trained on {', '.join(pool)} together, but features of {ticker} "
                f"end {last_date or 'before they begin'}, not {end}; run: options-platform "
                f"backfill --start {last_date or end} --end {end} --tickers {ticker} "
                "--select raw_ohlcv,vix,features,labels"
            )
    without_labels = features.filter(pl.col("ticker").is_in(list(pool))).join(
        labels, on=["date", "ticker"], how="anti", maintain_order="left"
    )
    if without_labels.height:
        day, ticker = without_labels.select("date", "ticker").row(0)
        raise IncompleteDataError(
            f"labels lack {without_labels.height} rows, first {day} {ticker}; run: "
            f"options-platform backfill --start {day} --end {end} --tickers {ticker} "
            "--select labels"
        )
