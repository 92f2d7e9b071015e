"""A fit is used only if those before it priced unseen chains better than the class."""

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
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


def test_fits_as_good_as_the_class_are_neither_taken_up_nor_given_up():
    same = scores(*[(0.5, 0.5)] * 4)
    assert not is_adopted(same, END)
    assert is_adopted(same, END, was_adopted=True)


def test_fits_are_taken_up_and_given_up_by_more_than_a_standard_error():
    """Four gains of one month and nearly one age: a mean of 0.2, a deviation of 0.4 (n - 1), and so
    a standard error of 0.2 but for their ages."""
    spread = np.array([-3.0, -1.0, 1.0, 3.0]) * 0.4 / np.sqrt(20.0 / 3.0)
    for mean, taken, given_up in ((0.23, True, False), (0.17, False, False), (0.0, False, False),
                                  (-0.17, False, False), (-0.23, False, True)):  # fmt: skip
        gained = scores(*[(1.0 - gain, 1.0) for gain in mean + spread])
        assert is_adopted(gained, DAYS[3]) is taken
        assert is_adopted(gained, DAYS[3], was_adopted=True) is not given_up


def test_a_fit_exactly_as_good_as_the_class_changes_hands_a_few_times_a_year():
    """Without a margin the same chains change the surface 24 to 37 times."""
    days = sessions(date(2020, 1, 2), date(2020, 12, 31))
    changes = []
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(0.25, 0.05, (len(days), 2))
        row = scores(*noise.tolist(), days=days)
        adopted = [False]
        for at, day in enumerate(days):
            adopted.append(is_adopted(row[: at + 1], day, was_adopted=adopted[-1]))
        changes.append(sum(a != b for a, b in itertools.pairwise(adopted)))
    assert max(changes) <= 6
    assert np.mean(changes) <= 3


def test_far_options_must_be_no_worse_either():
    near = scores(*[(0.1, 1.0)] * 4)
    worse, better = (
        [Score(one.session, replace(one.by_fit, far=far), replace(one.by_class, far=1.0))
         for one in near]
        for far in (1.1, 0.9)
    )  # fmt: skip
    assert not is_adopted(worse, END)
    assert not is_adopted(worse, END, was_adopted=True)
    assert is_adopted(better, END)


def test_a_chain_that_is_a_half_life_older_in_another_month_counts_half():
    old = [shift(END, -HALF_LIFE)]
    months = {day.month for day in [*old, *DAYS]}
    assert len(months) == 2
    gained = scores(*[(0.0, 1.0)] * 3, days=DAYS[-3:])
    # Weights of 1/3 and three times 2/9: the mean is 2/3 - loss/3, its standard error
    # (1 + loss) sqrt(2/9 x 7/27 / (20/27)); they are equal at a loss of 0.63.
    assert is_adopted([*scores((0.60, 0.0), days=old), *gained], END)
    assert not is_adopted([*scores((0.66, 0.0), days=old), *gained], END)


def test_scores_before_the_window_and_after_the_session_have_no_say():
    inside = scores(*[(0.1, 1.0)] * 3)
    before = scores((99.0, 0.0), days=[shift(END, -WINDOW)])
    after = scores((99.0, 0.0), days=[shift(END, 1)])
    assert is_adopted([*before, *inside, *after], END)
    oldest = scores((99.0, 0.0), days=[shift(END, 1 - WINDOW)])
    assert not is_adopted([*oldest, *inside], END)


@given(st.lists(st.tuples(errors, errors), min_size=3, max_size=len(DAYS)))
def test_fits_that_were_worse_on_every_chain_are_never_taken_up_and_better_ones_never_given_up(
    rows,
):
    lost = [(max(row) + 0.01, min(row)) for row in rows]
    won = [(fit, plain) for plain, fit in lost]
    assert not is_adopted(scores(*lost), END)
    assert is_adopted(scores(*won), END, was_adopted=True)


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
