"""The walk-forward folds, and the same folds through scikit-learn."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from options_platform.domain.calendar.sessions import sessions
from options_platform.models.walk_forward import (
    Fold,
    LeakError,
    model_age,
    monthly_folds,
    require_purged,
)
from options_platform.testing.sklearn_splitter import WalkForwardSplit

DAYS = np.array(sessions(date(2015, 1, 2), date(2017, 6, 30)), dtype="datetime64[D]")


def known_after(days, horizon=5):
    known_on = np.full(len(days), np.datetime64("NaT"), dtype="datetime64[D]")
    known_on[:-horizon] = days[horizon:]
    return known_on


def folds(**options):
    known_on = known_after(DAYS)
    return list(
        monthly_folds(
            DAYS,
            known_on,
            ~np.isnat(known_on),
            start=date(2016, 6, 1),
            end=date(2017, 3, 31),
            **options,
        )
    )


def test_training_ends_before_labels_overlap_the_month():
    fold = folds()[0]
    assert fold.name == "2016-06"
    # Five sessions after 2016-05-23 is 2016-05-31 (Memorial Day was the 30th).
    assert DAYS[fold.train].max() == np.datetime64("2016-05-23")
    assert DAYS[fold.predict].min() == np.datetime64("2016-06-01")


def test_an_embargo_of_three_sessions_moves_the_last_training_session_by_three():
    last = DAYS[folds()[0].train].max()
    held_back = DAYS[folds(embargo_sessions=3)[0].train].max()
    assert np.searchsorted(DAYS, last) - np.searchsorted(DAYS, held_back) == 3


def test_an_embargo_longer_than_the_history_gives_no_fold():
    assert all(not len(fold.train) for fold in folds(embargo_sessions=5000))


def test_a_rolling_window_has_exactly_the_configured_sessions():
    assert [len(fold.train) for fold in folds(window_sessions=252)] == [252] * 10


def test_folds_of_63_sessions_overlap_and_count_the_age_of_their_model():
    fold = folds(predict_sessions=63)[1]
    assert fold.name == "2016-07"
    assert len(fold.predict) == 63
    age = model_age(DAYS, np.datetime64("2016-07-01"))
    assert age[fold.predict].tolist() == list(range(1, 64))
    assert age[fold.predict[0] - 1] == 0


def test_a_fold_without_purge_is_refused():
    month = np.datetime64("2016-06-01")
    unpurged = Fold("2016-06", np.flatnonzero(month > DAYS), np.flatnonzero(month <= DAYS))
    with pytest.raises(LeakError, match="5 rows whose label is known only on 2016-06-07"):
        require_purged(unpurged, known_after(DAYS), month)


def test_a_shuffled_fold_is_refused():
    rows = np.random.default_rng(0).permutation(len(DAYS) - 5)
    shuffled = Fold("2016-06", np.sort(rows[:400]), np.sort(rows[400:]))
    with pytest.raises(LeakError, match="trains on"):
        require_purged(shuffled, known_after(DAYS), DAYS[shuffled.predict].min())


@settings(max_examples=30, deadline=None)
@given(
    horizon=st.integers(1, 20),
    embargo=st.integers(0, 30),
    window=st.one_of(st.none(), st.integers(30, 400)),
    tickers=st.integers(1, 3),
)
def test_with_any_settings_training_labels_are_known_before_the_test_month(
    horizon, embargo, window, tickers
):
    groups = np.repeat(DAYS, tickers)
    split = WalkForwardSplit(
        horizon_sessions=horizon, embargo_sessions=embargo, window_sessions=window, min_sessions=30
    )
    test_folds = []
    for train, test in split.split(None, groups=groups):
        gap = np.searchsorted(DAYS, groups[test].min()) - np.searchsorted(DAYS, groups[train].max())
        assert gap >= horizon + embargo
        assert window is None or len(np.unique(groups[train])) <= window
        test_folds.append(test)
    together = np.concatenate(test_folds)
    assert len(np.unique(together)) == len(together), "a row is tested twice"
    assert split.get_n_splits(None, groups=groups) == len(test_folds)


def test_scikit_learn_accepts_the_splitter_as_cv():
    random = np.random.default_rng(1)
    inputs, target = random.normal(size=(len(DAYS), 3)), random.integers(0, 2, len(DAYS))
    split = WalkForwardSplit()
    scores = cross_val_score(LogisticRegression(), inputs, target, groups=DAYS, cv=split)
    assert len(scores) == split.get_n_splits(inputs, groups=DAYS) == 17
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=split)
    search.fit(inputs, target, groups=DAYS)
    assert search.n_splits_ == 17


def test_the_splitter_gives_the_folds_of_the_platform():
    known_on = known_after(DAYS)
    ours = list(
        monthly_folds(
            DAYS, known_on, ~np.isnat(known_on), start=date(2016, 2, 1), end=date(2017, 6, 30)
        )
    )
    theirs = list(WalkForwardSplit().split(None, groups=DAYS))
    for fold, (train, test) in zip(ours, theirs, strict=True):
        assert np.array_equal(fold.train, train)
        assert np.array_equal(fold.predict, test)


def test_sessions_out_of_order_or_missing_are_refused():
    split = WalkForwardSplit()
    with pytest.raises(ValueError, match="groups must hold the session"):
        next(split.split(np.zeros((3, 1))))
    with pytest.raises(ValueError, match="ascend"):
        next(split.split(None, groups=DAYS[::-1]))
    with pytest.raises(ValueError, match="2 sessions for 3 rows"):
        next(split.split(np.zeros((3, 1)), groups=DAYS[:2]))
    with pytest.raises(ValueError, match="known_on has 2 days"):
        next(WalkForwardSplit(known_on=DAYS[:2]).split(None, groups=DAYS))
    assert split.get_n_splits(None, groups=DAYS[:3]) == 0
