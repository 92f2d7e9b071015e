from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar import is_session, sessions
from options_platform.domain.expiries import choose_expiries, listed_expiries

EVERY = listed_expiries()
DAYS = st.sampled_from(sessions(date(2005, 1, 3), date(2025, 12, 31)))


def chosen(day, target, low=14, high=45):
    found = choose_expiries(np.array([day], "datetime64[D]"), np.array([target]), low, high)
    return None if np.isnat(found[0]) else found[0].astype(date)


def test_a_week_has_one_expiry_and_it_is_its_last_session():
    weeks = [day.isocalendar()[:2] for day in EVERY]
    assert len(set(weeks)) == len(weeks)
    for day in EVERY[:: len(EVERY) // 200]:
        assert is_session(day)
        later = [date.fromordinal(day.toordinal() + n) for n in range(1, 5 - day.weekday())]
        assert not any(is_session(other) for other in later)


@given(DAYS, st.integers(10, 50), st.integers(1, 20), st.integers(21, 60))
def test_no_listed_expiry_within_the_bounds_is_nearer_and_of_two_the_later_is_taken(
    day, target, low, high
):
    allowed = [e for e in EVERY if low <= (e - day).days <= high]
    wanted = min(
        allowed, key=lambda e: (abs((e - day).days - target), -e.toordinal()), default=None
    )
    assert chosen(day, target, low, high) == wanted


@given(st.lists(st.tuples(DAYS, st.integers(14, 45)), min_size=1, max_size=8))
def test_a_row_does_not_depend_on_the_rows_beside_it(rows):
    days, targets = zip(*rows, strict=True)
    together = choose_expiries(np.array(days, "datetime64[D]"), np.array(targets), 14, 45)
    alone = [chosen(day, target) for day, target in rows]
    assert [found.astype(date) for found in together] == alone


def test_there_is_none_where_the_bounds_hold_no_friday_or_the_calendar_ends():
    assert chosen(date(2024, 7, 1), 2, 1, 3) is None  # a Monday; its Friday is 4 days away
    last = EVERY[-1]
    assert chosen(date.fromordinal(last.toordinal() - 10), 30) is None
