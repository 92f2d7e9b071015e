"""The walk-forward folds as a scikit-learn splitter: `cross_val_score(..., cv=WalkForwardSplit())`.

It implements the splitter interface (`split`, `get_n_splits`) without importing scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from options_platform.models.walk_forward import Days, Fold, Rows, monthly_folds


class WalkForwardSplit:
    """Monthly walk-forward folds, purged by the day on which labels become known.

    Pass the session of each row as `groups` to `split`, ascending; rows of several tickers may
    share a session. Months with fewer than `min_sessions` training sessions give no fold.

    Args:
        horizon_sessions: the label of session t is known at the close of session t + horizon.
        known_on: day on which each row's label is known, instead of the horizon.
        window_sessions: number of most recent sessions to train on; None for all.
        embargo_sessions: additional sessions between training labels and prediction.
        min_sessions: least number of training sessions of a fold.

    Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        *,
        horizon_sessions: int = 5,
        known_on: ArrayLike | None = None,
        window_sessions: int | None = None,
        embargo_sessions: int = 0,
        min_sessions: int = 252,
    ) -> None:
        if horizon_sessions < 1 or min_sessions < 1 or embargo_sessions < 0:
            raise ValueError("horizon and min_sessions are at least 1, embargo at least 0 sessions")
        self.horizon_sessions = horizon_sessions
        self.known_on = known_on
        self.window_sessions = window_sessions
        self.embargo_sessions = embargo_sessions
        self.min_sessions = min_sessions

    def split(
        self,
        X: Any = None,  # noqa: N803 (scikit-learn's name)
        y: Any = None,  # noqa: ARG002 (scikit-learn's interface)
        groups: ArrayLike | None = None,
    ) -> Iterator[tuple[Rows, Rows]]:
        """Indices of the training rows and of the test rows, one pair per month.

        Raises :class:`ValueError` if `groups` is missing, not ascending, or not as long as `X`.
        """
        for fold in self.folds(X, groups):
            yield fold.train, fold.predict

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:  # noqa: N803, ARG002
        """Number of folds that `split` returns for these sessions."""
        return sum(1 for _ in self.folds(X, groups))

    def folds(self, X: Any, groups: ArrayLike | None) -> Iterator[Fold]:  # noqa: N803
        """The folds, named by month."""
        dates = _sessions_of(X, groups)
        if not len(dates):
            return
        known_on = self._known_on(dates)
        for fold in monthly_folds(
            dates,
            known_on,
            ~np.isnat(known_on),
            start=dates[0].astype(object),
            end=dates[-1].astype(object),
            window_sessions=self.window_sessions,
            embargo_sessions=self.embargo_sessions,
        ):
            if len(np.unique(dates[fold.train])) >= self.min_sessions:
                yield fold

    def _known_on(self, dates: Days) -> Days:
        if self.known_on is not None:
            known_on = np.asarray(self.known_on, dtype="datetime64[D]")
            if len(known_on) != len(dates):
                raise ValueError(f"known_on has {len(known_on)} days for {len(dates)} rows")
            return known_on
        sessions, position = np.unique(dates, return_inverse=True)
        later = np.full(len(sessions), np.datetime64("NaT"), dtype="datetime64[D]")
        later[: -self.horizon_sessions] = sessions[self.horizon_sessions :]
        return np.asarray(later[position], dtype="datetime64[D]")


def _sessions_of(X: Any, groups: ArrayLike | None) -> Days:  # noqa: N803
    if groups is None:
        raise ValueError("groups must hold the session of each row: split(X, y, groups=dates)")
    dates = np.asarray(groups, dtype="datetime64[D]")
    if X is not None and len(X) != len(dates):
        raise ValueError(f"groups has {len(dates)} sessions for {len(X)} rows of X")
    if (dates[1:] < dates[:-1]).any():
        raise ValueError("groups must ascend: sort the rows by session, a shuffled order leaks")
    return dates
