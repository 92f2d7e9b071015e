"""Walk-forward by calendar month, purged by the day on which a label became known.

The model of month M is trained on sessions whose labels were known before M begins, and
predicts the sessions of M. Labels that overlap the predicted month are thereby purged (Lopez de
Prado, Advances in Financial Machine Learning, chapter 7): at least the label's own horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Fold:
    """Row numbers to train on and to predict; `name` is the predicted month, YYYY-MM."""

    name: str
    train: NDArray[np.int64]
    predict: NDArray[np.int64]


class LeakError(AssertionError):
    """A training row whose label was not known before the predicted month."""


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
) -> Iterator[Fold]:
    """The folds of the months from `start` to `end`, in order.

    Args:
        dates: session of each row, ascending.
        known_on: day on which the row's label is known.
        labelled: whether the row may be trained on (its label and inputs are there).
        start: first day to predict.
        end: last day to predict.
        window_sessions: train on the last so many sessions alone; None lets the window expand.
    """
    rows = np.arange(len(dates))
    low, high = np.datetime64(start), np.datetime64(end)
    wanted = (dates >= low) & (dates <= high)
    for month in np.unique(month_of(dates[wanted])):
        first_day = month.astype("datetime64[D]")
        usable = labelled & (known_on < first_day)
        if window_sessions is not None:
            sessions = np.unique(dates[usable])
            if len(sessions) > window_sessions:
                usable &= dates >= sessions[-window_sessions]
        fold = Fold(str(month), rows[usable], rows[wanted & (month_of(dates) == month)])
        require_purged(fold, known_on, first_day)
        yield fold


def require_purged(fold: Fold, known_on: Days, first_day: np.datetime64) -> None:
    """Raise :class:`LeakError` if the fold trains on a label not known before `first_day`."""
    # Not `>=`: a label that is never known (NaT) compares false either way.
    late = ~(known_on[fold.train] < first_day)
    if late.any():
        raise LeakError(
            f"fold {fold.name} trains on {int(late.sum())} rows whose label is known only on "
            f"{known_on[fold.train][late].max()} or later"
        )
