from datetime import UTC, date, datetime

import numpy as np
import pytest

from options_platform.domain.calendar import (
    NEW_YORK,
    all_sessions,
    newest_session,
    require_session,
    sessions,
    shift,
)
from options_platform.domain.expiries import choose_expiries, listed_expiries
from options_platform.errors import UsageError


def test_sessions_equal_those_of_exchange_calendars():
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start="2000-01-01", end="2026-12-31")
    wanted = [stamp.date() for stamp in calendar.sessions]
    assert sessions(date(2000, 1, 1), date(2026, 12, 31)) == wanted


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        # Friday 2024-07-05 is complete with the first minute of Saturday in New York.
        (datetime(2024, 7, 5, 23, 59, tzinfo=NEW_YORK), date(2024, 7, 3)),
        (datetime(2024, 7, 6, 0, 0, tzinfo=NEW_YORK), date(2024, 7, 5)),
        (datetime(2024, 7, 8, 12, 0, tzinfo=NEW_YORK), date(2024, 7, 5)),
        (datetime(2024, 7, 9, 4, 30, tzinfo=UTC), date(2024, 7, 8)),
    ],
)
def test_a_session_is_the_newest_from_midnight_new_york_on(now, wanted):
    assert newest_session(now) == wanted


@pytest.mark.parametrize("day", [date(2024, 7, 4), date(2024, 7, 6), date(2025, 1, 9)])
def test_a_day_without_session_is_refused(day):
    with pytest.raises(UsageError, match="session"):
        require_session(day, date(2025, 6, 2))


def test_a_future_session_is_refused():
    with pytest.raises(UsageError, match="2024-07-08"):
        require_session(date(2024, 7, 8), date(2024, 7, 5))


def test_shifting_goes_over_holidays_and_back():
    assert shift(date(2024, 7, 3), 1) == date(2024, 7, 5)
    assert shift(date(2024, 7, 5), -1) == date(2024, 7, 3)
    assert shift(date(2024, 7, 5), 0) == date(2024, 7, 5)
    assert shift(all_sessions()[0], 5) == all_sessions()[5]


def test_expiries_are_fridays_or_the_day_before_a_closed_one():
    every = set(listed_expiries())
    assert date(2024, 3, 28) in every  # Good Friday 2024 is the 29th
    assert date(2024, 3, 29) not in every
    assert date(2024, 6, 21) in every


def test_the_nearest_expiry_is_chosen_and_the_later_of_a_tie():
    day = np.array(["2024-06-03"], dtype="datetime64[D]")  # a Monday
    found = choose_expiries(day, np.array([30]), 14, 45)
    assert found[0] == np.datetime64("2024-07-05")  # 32 days; 06-28 is 25
    # 14.5 is not possible; between the Fridays of 18 and 25 days, 21.5 is the middle.
    tie = choose_expiries(np.array(["2024-06-07"], dtype="datetime64[D]"), np.array([24]), 14, 45)
    assert tie[0] == np.datetime64("2024-06-28")
