from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.models.walk_forward import Fold, LeakError, monthly_folds, require_purged

START, END = date(2019, 11, 1), date(2020, 6, 30)
DAYS = np.array(sessions(START, END), dtype="datetime64[D]")
KNOWN = np.array([shift(day, 5) for day in sessions(START, END)], dtype="datetime64[D]")


def folds(dates=DAYS, known_on=KNOWN, labelled=None, **options):
    labelled = np.ones(len(dates), dtype=bool) if labelled is None else labelled
    options = {"start": date(2020, 3, 1), "end": END} | options
    return list(monthly_folds(dates, known_on, labelled, **options))


def test_monthly_folds_in_order_predict_each_row_once():
    monthly = folds()
    assert [fold.name for fold in monthly] == ["2020-03", "2020-04", "2020-05", "2020-06"]
    predicted = np.concatenate([fold.predict for fold in monthly])
    np.testing.assert_array_equal(predicted, np.flatnonzero(np.datetime64("2020-03-01") <= DAYS))


def test_the_last_sessions_before_the_month_are_purged():
    # The label of 21 February 2020 is known on the 28th, that of the 24th on 2 March.
    march = folds()[0]
    assert DAYS[march.train].max() == np.datetime64("2020-02-21")
    assert DAYS[march.predict].min() == np.datetime64("2020-03-02")


def test_a_label_known_on_the_first_day_of_the_month_is_not_trained_on():
    known_on = np.array(["2020-02-28", "2020-03-01", "2020-03-02"], dtype="datetime64[D]")
    dates = np.array(["2020-02-20", "2020-02-21", "2020-03-02"], dtype="datetime64[D]")
    (march,) = folds(dates, known_on)
    assert march.train.tolist() == [0]
    assert march.predict.tolist() == [2]


@pytest.mark.parametrize("late", ["2020-03-01", "2020-03-05", "NaT"])
def test_a_fold_with_a_leak_is_refused(late):
    """The training rows contain a label known only in the predicted month, or never."""
    known_on = np.array(["2020-02-27", late], dtype="datetime64[D]")
    leaking = Fold("2020-03", np.array([0, 1]), np.array([], dtype=np.int64))
    with pytest.raises(LeakError, match="fold 2020-03 trains on 1 rows"):
        require_purged(leaking, known_on, np.datetime64("2020-03-01"))
    require_purged(Fold("2020-03", np.array([0]), leaking.predict), known_on, DAYS[-1])


@st.composite
def panels(draw):
    count = draw(st.integers(1, len(DAYS)))
    first = draw(st.integers(0, len(DAYS) - count))
    tickers = draw(st.integers(1, 3))
    dates = np.repeat(DAYS[first : first + count], tickers)
    ahead = draw(st.lists(st.integers(1, 40), min_size=len(dates), max_size=len(dates)))
    labelled = draw(st.lists(st.booleans(), min_size=len(dates), max_size=len(dates)))
    window = draw(st.one_of(st.none(), st.integers(1, 60)))
    start, end = sorted(draw(st.tuples(*[st.dates(START, END)] * 2)))
    known_on = dates + np.array(ahead, dtype="timedelta64[D]")
    return dates, known_on, np.array(labelled), start, end, window


@given(panels())
@settings(max_examples=150, deadline=None)
def test_no_fold_trains_on_labels_known_only_in_its_month(panel):
    dates, known_on, labelled, start, end, window = panel
    monthly = folds(dates, known_on, labelled, start=start, end=end, window_sessions=window)
    for fold in monthly:
        first = np.datetime64(f"{fold.name}-01")
        assert (known_on[fold.train] < first).all()
        assert (dates[fold.train] < first).all()
        assert labelled[fold.train].all()
        assert (dates[fold.predict].astype("datetime64[M]") == np.datetime64(fold.name)).all()
        if window is None:
            usable = np.flatnonzero(labelled & (known_on < first))
            np.testing.assert_array_equal(fold.train, usable)
        else:
            sessions_used = np.unique(dates[fold.train])
            assert len(sessions_used) <= window
            older = labelled & (known_on < first)
            older[fold.train] = False
            assert not older.any() or dates[older].max() < sessions_used.min()
    inside = (dates >= np.datetime64(start)) & (dates <= np.datetime64(end))
    predicted = np.concatenate([np.array([], np.int64), *(fold.predict for fold in monthly)])
    np.testing.assert_array_equal(predicted, np.flatnonzero(inside))


@given(panels())
@settings(max_examples=60, deadline=None)
def test_a_fold_is_the_same_in_every_range_that_contains_its_month(panel):
    dates, known_on, labelled, start, end, window = panel
    whole = {
        fold.name: fold.train.tolist()
        for fold in folds(dates, known_on, labelled, start=START, end=END, window_sessions=window)
    }
    for fold in folds(dates, known_on, labelled, start=start, end=end, window_sessions=window):
        assert fold.train.tolist() == whole[fold.name]
