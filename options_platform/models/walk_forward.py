"""Walk-forward by calendar month, purged by the day on which a label became known.

The model of month M is trained on sessions whose labels were known before M begins, and predicts
the sessions of M. Labels that overlap the predicted month are thereby purged (Lopez de Prado,
Advances in Financial Machine Learning, chapter 7): at least the label's own horizon. An embargo
widens that gap by further sessions.
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
"""Sessions since a model's first one, by which its decay is shown."""
OLDEST_SESSION = AGE_BANDS[-1][1]


@dataclass(frozen=True)
class Fold:
    """Row numbers to train on and to predict; `name` is the model's month, YYYY-MM."""

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
        labelled: whether the row may be trained on (its label and inputs are there).
        start: first day to predict.
        end: last day to predict.
        window_sessions: train on the last so many sessions alone; None lets the window expand.
        embargo_sessions: so many sessions before the month, beside the purge, are not trained
            on: labels must have been known before them.
        predict_sessions: predict so many sessions from the month's first on, in place of the
            month; folds then overlap, which shows how a model ages.
    """
    rows = np.arange(len(dates))
    low, high = np.datetime64(start), np.datetime64(end)
    wanted = (dates >= low) & (dates <= high)
    for month in np.unique(month_of(dates[wanted])):
        first_day = month.astype("datetime64[D]")
        usable = labelled & (known_on < _with_embargo(dates, first_day, embargo_sessions))
        if window_sessions is not None:
            sessions = np.unique(dates[usable])
            if len(sessions) > window_sessions:
                usable &= dates >= sessions[-window_sessions]
        if predict_sessions is None:
            predicted = wanted & (month_of(dates) == month)
        else:
            age = model_age(dates, first_day)
            predicted = wanted & (age >= 1) & (age <= predict_sessions)
        fold = Fold(str(month), rows[usable], rows[predicted])
        require_purged(fold, known_on, first_day)
        yield fold


def require_purged(fold: Fold, known_on: Days, first_day: np.datetime64) -> None:
    """Raise :class:`LeakError` if the fold trains on a label not known before `first_day`.

    Whoever made the fold: a shuffled or unpurged one cannot pass.
    """
    # Not `>=`: a label that is never known (NaT) compares false either way.
    late = ~(known_on[fold.train] < first_day)
    if late.any():
        raise LeakError(
            f"fold {fold.name} trains on {int(late.sum())} rows whose label is known only on "
            f"{known_on[fold.train][late].max()} or later"
        )


def model_age(dates: Days, first_day: np.datetime64) -> Rows:
    """Sessions since the first one on or after `first_day`, from 1; 0 before it."""
    sessions = np.unique(dates)
    begin = int(np.searchsorted(sessions, first_day))
    return np.maximum(np.searchsorted(sessions, dates) - begin + 1, 0).astype(np.int64)


def _with_embargo(dates: Days, first_day: np.datetime64, sessions: int) -> np.datetime64:
    """The first day whose labels may no longer be used."""
    before = np.unique(dates[dates < first_day])
    if sessions == 0 or not len(before):
        return first_day
    found: np.datetime64 = before[max(0, len(before) - sessions)]
    return found
