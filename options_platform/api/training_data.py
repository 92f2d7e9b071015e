"""Features and labels for a model of one's own, with the splits of the platform's own models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import LABELS
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.errors import IncompleteDataError, UsageError, nearest
from options_platform.models.base import MIN_SESSIONS
from options_platform.models.dataset import make_dataset
from options_platform.models.walk_forward import Rows, monthly_folds


@dataclass(frozen=True)
class Split:
    """Row numbers of one month: `train` on these, then `predict` these; `name` is YYYY-MM."""

    name: str
    train: Rows
    predict: Rows


@dataclass(frozen=True)
class TrainingData:
    """Rows of all tickers, sorted by date and ticker; the frames have the same rows.

    `keys` has date and ticker. `inputs` has one column for each input, floats, null where it is
    unknown; each is known at the close of its date. `labels` has `fwd_return_5d` (fraction),
    `direction`, `fwd_iv_rank_5d` (0 to 1), `fwd_rv_5d` (annualised fraction), null until they are
    known, and `known_on`, the day on whose close they become known. Of stocks there are also
    `neutral_band` (fraction, known at the close of the date, null where the class is of 1%),
    `reaction_in_5d` (whether a session of the five is the reaction to a report) and `fwd_rv_5d_ex`.
    """

    keys: pl.DataFrame
    inputs: pl.DataFrame
    labels: pl.DataFrame

    def __len__(self) -> int:
        return self.keys.height

    def with_inputs(self, frame: pl.DataFrame) -> TrainingData:
        """The same rows with further inputs, joined by date and ticker; null where there is none.

        Each value must have been known at the close of its date. Raises :class:`UsageError` if
        `frame` lacks date or ticker, has two rows for one of both, or names an input again.
        """
        missing = [name for name in KEY if name not in frame.columns]
        if missing:
            raise UsageError(f"the inputs lack the column {missing[0]}, by which they are joined")
        names = [name for name in frame.columns if name not in KEY]
        taken = [name for name in names if name in self.inputs.columns]
        if taken:
            raise UsageError(f"there is an input {taken[0]} already; give yours another name")
        if frame.select(pl.struct(KEY).is_duplicated().any()).item():
            raise UsageError("the inputs have two rows for one date and ticker; keep one")
        joined = self.keys.join(frame, on=KEY, how="left", maintain_order="left")
        return replace(self, inputs=self.inputs.hstack(joined.select(names)))

    def matrix(self, names: Sequence[str] | None = None) -> NDArray[np.float64]:
        """The named inputs (default: all), shape (rows, names); NaN where one is unknown."""
        chosen = self.inputs.columns if names is None else list(names)
        for name in chosen:
            if name not in self.inputs.columns:
                raise UsageError(f"no input {name!r}; {nearest(name, self.inputs.columns)}")
        return self.inputs.select(pl.col(chosen).cast(pl.Float64)).to_numpy()

    def splits(
        self,
        *,
        target: str = "direction",
        needs: Sequence[str] = (),
        start: date | None = None,
        end: date | None = None,
        window_sessions: int | None = None,
        embargo_sessions: int = 0,
    ) -> Iterator[Split]:
        """Walk-forward by calendar month, purged as the platform's own models are.

        The model of a month is trained on rows whose label was known before the month begins.
        Months with fewer than 252 such sessions are left out.

        Args:
            target: the label; rows without it are not trained on.
            needs: inputs that must be known in the rows to train on.
            start: first day to predict (default: the first).
            end: last day to predict (default: the last).
            window_sessions: number of most recent sessions to train on; None for all.
            embargo_sessions: sessions before the month left out, in addition to the purge.

        Raises :class:`UsageError` for an unknown label or input.
        """
        if target not in self.labels.columns:
            raise UsageError(f"no label {target!r}; {nearest(target, self.labels.columns)}")
        dates = self.keys["date"].to_numpy().astype("datetime64[D]")
        known = self.labels[target].is_not_null().to_numpy()
        if needs:
            known = known & np.isfinite(self.matrix(needs)).all(axis=1)
        for fold in monthly_folds(
            dates,
            self.labels["known_on"].to_numpy().astype("datetime64[D]"),
            known,
            start=start or dates[0].astype(object),
            end=end or dates[-1].astype(object),
            window_sessions=window_sessions,
            embargo_sessions=embargo_sessions,
        ):
            if len(np.unique(dates[fold.train])) >= MIN_SESSIONS:
                yield Split(fold.name, fold.train, fold.predict)


def load_training_data(
    store: Warehouse, tickers: Sequence[str], end: date | None = None
) -> TrainingData:
    """The rows of `tickers` up to `end` (default: the last session that all of them have).

    Raises :class:`IncompleteDataError` like :func:`~options_platform.models.dataset.make_dataset`,
    and without any features.
    """
    features = store.read(FEATURES_TABLE, tickers=tickers, end=end)
    labels = store.read(LABELS, tickers=tickers, end=end)
    if features.is_empty():
        raise IncompleteDataError(
            f"there are no features of {', '.join(tickers)}; run: options-platform backfill"
        )
    newest = features.group_by("ticker").agg(pl.col("date").max())["date"]
    made = make_dataset(features, labels, pool=tickers, end=end or min(newest.to_list()))
    names = [name for name in labels.columns if name not in KEY]
    return TrainingData(
        keys=made.keys,
        inputs=pl.DataFrame(made.sample.inputs, schema=list(made.sample.names)).fill_nan(None),
        labels=made.keys.join(labels, on=KEY, how="left", maintain_order="left").select(names),
    )
