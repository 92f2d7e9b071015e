"""A fit is used only if those before it priced unseen chains no worse than the class."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.chain.learning import HALF_LIFE, WINDOW, Error, Score, is_adopted

DAYS = sessions(date(2020, 3, 2), date(2020, 3, 31))
END = DAYS[-1]
errors = st.floats(0.0, 20.0)


def scores(*rows, days=DAYS):
    """Scores of sessions: near error of the fit and of the class, and no far options."""
    return [
        Score(day, Error(fit, None), Error(plain, None))
        for day, (fit, plain) in zip(days, rows, strict=False)
    ]


def test_three_scored_chains_are_needed():
    assert not is_adopted([], END)
    assert not is_adopted(scores((0.1, 1.0), (0.1, 1.0)), END)
    assert is_adopted(scores((0.1, 1.0), (0.1, 1.0), (0.1, 1.0)), END)


def test_as_good_is_enough_and_worse_is_not():
    assert is_adopted(scores(*[(0.5, 0.5)] * 4), END)
    assert not is_adopted(scores(*[(0.51, 0.5)] * 4), END)


def test_far_options_must_be_no_worse_either():
    near = scores(*[(0.1, 1.0)] * 4)
    worse, better = (
        [Score(one.session, replace(one.by_fit, far=far), replace(one.by_class, far=1.0))
         for one in near]
        for far in (1.1, 0.9)
    )  # fmt: skip
    assert not is_adopted(worse, END)
    assert is_adopted(better, END)


def test_a_chain_that_is_a_half_life_older_in_another_month_counts_half():
    old = [shift(END, -HALF_LIFE)]
    months = {day.month for day in [*old, *DAYS]}
    assert len(months) == 2
    gained = scores((0.0, 0.99), (1.0, 1.0), (1.0, 1.0), days=[*DAYS[-1:], *DAYS[-3:-1]])
    # A third of 0.99 gained in the newer month, against half of the older month's loss.
    assert is_adopted([*scores((0.6, 0.0), days=old), *gained], END)
    assert not is_adopted([*scores((0.7, 0.0), days=old), *gained], END)


def test_scores_before_the_window_and_after_the_session_have_no_say():
    inside = scores(*[(0.1, 1.0)] * 3)
    before = scores((99.0, 0.0), days=[shift(END, -WINDOW)])
    after = scores((99.0, 0.0), days=[shift(END, 1)])
    assert is_adopted([*before, *inside, *after], END)
    assert not is_adopted([*scores((99.0, 0.0), days=[shift(END, 1 - WINDOW)]), *inside], END)


@given(st.lists(st.tuples(errors, errors), min_size=3, max_size=len(DAYS)))
def test_fits_that_were_worse_on_every_chain_are_never_adopted(rows):
    lost = [(max(row) + 0.01, min(row)) for row in rows]
    won = [(fit, plain) for plain, fit in lost]
    assert not is_adopted(scores(*lost), END)
    assert is_adopted(scores(*won), END)


def test_the_error_of_a_chain_is_the_mean_size_near_the_money_and_far_from_it():
    rows = pl.DataFrame(
        {
            "delta": [0.5, -0.2, -0.05, 0.01, 0.4],
            "dte": [30, 30, 14, 30, 200],
            "error_points": [1.0, -3.0, -5.0, 70.0, 80.0],
        }
    )
    assert Error.of(rows) == Error(near=pytest.approx(2.0), far=pytest.approx(5.0))
    assert Error.of(rows.filter(pl.col("delta") > 0)) == Error(near=pytest.approx(1.0), far=None)
