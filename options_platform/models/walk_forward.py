"""Walk-forward by calendar month, purged by the day on which a label becomes known.

The model of month M is trained on sessions whose labels were known before M begins, and predicts
the sessions of M. This purges labels that overlap the predicted month (Lopez de Prado, Advances in
Financial Machine Learning, chapter 7), at least the horizon of the label. An embargo widens the gap
by further sessions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Rows = NDArray[np.int64]

AGE_BANDS = ((1, 21), (22, 42), (43, 63))
"""Bands of model age, in sessions since its first predicted one, for the study of decay."""
OLDEST_SESSION = AGE_BANDS[-1][1]


@dataclass(frozen=True)
class Fold:
    """Row indices to train on and to predict; `name` is the month of the model, YYYY-MM."""

    name: str
    train: Rows
    predict: Rows


class LeakError(AssertionError):
    """A training row whose label was not known before the first predicted session."""


def month_of(days: Days) -> NDArray[np.datetime64]:
    """The month of each day."""
    return days.astype("datetime64[M]")


def monthly_folds(
    dates: Days,
    known_on: Days,
    labelled: NDArray[np.bool_],
    *,
    start: date,
    end: date,
    window_sessions: int | None = None,
    embargo_sessions: int = 0,
    predict_sessions: int | None = None,
) -> Iterator[Fold]:
    """The folds of the months from `start` to `end`, in order.

    Args:
        dates: session of each row, ascending.
        known_on: day on which the row's label is known.
        labelled: whether the row may be trained on (label and inputs are available).
        start: first day to predict.
        end: last day to predict.
        window_sessions: number of most recent sessions to train on; None for all.
        embargo_sessions: number of sessions before the month by which labels must already have
            been known, in addition to the purge.
        predict_sessions: number of sessions to predict from the month's first one on, instead of
            the month; folds then overlap, which shows how a model ages.

    Raises:
        LeakError: a fold would train on a label not known before its month.
    """
    rows = np.arange(len(dates))
    low, high = np.datetime64(start), np.datetime64(end)
    in_range = (dates >= low) & (dates <= high)
    for month in np.unique(month_of(dates[in_range])):
        first_day = month.astype("datetime64[D]")
        usable = labelled & (known_on < _with_embargo(dates, first_day, embargo_sessions))
        if window_sessions is not None:
            sessions = np.unique(dates[usable])
            if len(sessions) > window_sessions:
                usable &= dates >= sessions[-window_sessions]
        if predict_sessions is None:
            predicted = in_range & (month_of(dates) == month)
        else:
            age = model_age(dates, first_day)
            predicted = in_range & (age >= 1) & (age <= predict_sessions)
        fold = Fold(str(month), rows[usable], rows[predicted])
        require_purged(fold, known_on, first_day)
        yield fold


def require_purged(fold: Fold, known_on: Days, first_day: np.datetime64) -> None:
    """Raise :class:`LeakError` if the fold trains on a label not known before `first_day`.

    This catches any shuffled or unpurged fold, however it was made.
    """
    # Not `>=`: comparisons with NaT (a label that is never known) are always false.
    late = ~(known_on[fold.train] < first_day)
    if late.any():
        raise LeakError(
            f"fold {fold.name} trains on {int(late.sum())} rows whose label is known only on "
            f"{known_on[fold.train][late].max()} or later"
        )


def purged_tail(
    dates: Days, known_on: Days, *, tail_sessions: int, fewest_sessions: int
) -> tuple[Rows, Rows]:
    """Rows before the newest `tail_sessions` sessions, and the rows of these sessions.

    The earlier rows have labels known before the tail begins. Both are empty if fewer than
    `fewest_sessions` sessions would remain before the tail.
    """
    sessions = np.unique(dates)
    nothing = np.array([], np.int64)
    if len(sessions) < tail_sessions + fewest_sessions:
        return nothing, nothing
    first: np.datetime64 = sessions[-tail_sessions]
    before = np.flatnonzero(np.less(known_on, first))
    tail = np.flatnonzero(np.greater_equal(dates, first))
    require_purged(Fold("tail", before, tail), known_on, first)
    return before, tail


def model_age(dates: Days, first_day: np.datetime64) -> Rows:
    """Number of each session counted from the first one on or after `first_day` (1); 0 before."""
    sessions = np.unique(dates)
    begin = int(np.searchsorted(sessions, first_day))
    return np.maximum(np.searchsorted(sessions, dates) - begin + 1, 0).astype(np.int64)


def _with_embargo(dates: Days, first_day: np.datetime64, sessions: int) -> np.datetime64:
    """The day before which labels must have been known to be used."""
    before = np.unique(dates[dates < first_day])
    if sessions == 0 or not len(before):
        return first_day
    embargo_start: np.datetime64 = before[max(0, len(before) - sessions)]
    return embargo_start
