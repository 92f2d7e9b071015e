"""What a backtest lets one expect of a young record, against trades counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.forward.expectation import (
    accrued_share,
    expected_entries,
    sessions_held,
)

DAYS_A_SESSION = 365.25 / 252


@given(st.integers(1, 60), st.integers(1, 400))
def test_a_daily_entry_that_accrues_evenly_has_earned_what_is_expected(held, chances):
    """One trade of 1 USD a session, each held for `held` sessions, counted at midday of its own."""
    ages = np.arange(chances) + 0.5
    earned = np.minimum(ages / held, 1.0).sum()
    expected = chances * accrued_share(held * DAYS_A_SESSION, chances)
    assert expected == pytest.approx(earned, abs=0.15)
    assert 0.0 < accrued_share(held * DAYS_A_SESSION, chances) < 1.0


@given(st.integers(1, 60), st.integers(100, 6000), st.integers(0, 300))
def test_entries_keep_the_pace_of_a_backtest_that_enters_in_every_session(held, span, chances):
    closed = span - 1 - held
    expected = expected_entries(closed, held * DAYS_A_SESSION, span, chances)
    assert expected == pytest.approx(chances)


def test_before_a_plan_could_be_entered_nothing_is_expected():
    assert expected_entries(1_400, 40.0, 5_500, 0) == 0.0
    assert expected_entries(0, None, 5_500, 20) == 0.0
    assert accrued_share(None, 20) == 1.0
    assert sessions_held(365.25) == pytest.approx(252.0)
