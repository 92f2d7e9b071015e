"""A wrong clock of this machine is noticed by the dates of a source's answers."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from options_platform.adapters.sources.http.machine_clock import MOST_OFF, require_right_clock
from options_platform.adapters.sources.http.retry import FetchError
from options_platform.domain.calendar.sessions import SETTLED_AFTER

NOW = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)


def dated(ago, **headers):
    return {"Date": format_datetime(NOW - ago, usegmt=True), **headers}


def refused(headers):
    with pytest.raises(FetchError) as error:
        require_right_clock(headers, "prices.example", NOW)
    assert not error.value.passing
    return error.value.cause


def test_a_clock_that_is_hours_or_a_day_off_is_refused_and_says_by_how_much():
    assert "clock is 26 h ahead of that of prices.example" in refused(dated(timedelta(hours=26)))
    assert "clock is 26 h behind that of prices.example" in refused(dated(-timedelta(hours=26)))
    assert "clock is 40 min ahead of" in refused(dated(timedelta(minutes=40)))


def test_what_is_allowed_cannot_make_an_unfinished_bar_final():
    require_right_clock(dated(MOST_OFF), "prices.example", NOW)
    require_right_clock(dated(-MOST_OFF), "prices.example", NOW)
    assert MOST_OFF <= SETTLED_AFTER


def test_a_stored_copy_is_as_old_as_it_says():
    require_right_clock(dated(timedelta(hours=3), Age="10800"), "prices.example", NOW)
    assert "3 h ahead" in refused(dated(timedelta(hours=3), Age="0"))


@pytest.mark.parametrize(
    "headers", [{}, {"Date": "yesterday"}, {"Date": ""}, dated(2 * MOST_OFF, Age="x")]
)
def test_an_answer_without_a_date_says_nothing(headers):
    require_right_clock(headers, "prices.example", NOW)
