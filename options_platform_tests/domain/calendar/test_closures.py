from datetime import date

import pytest

from options_platform.domain.calendar.closures import ANNOUNCED_LATE, Closure, parse_closures
from options_platform.domain.calendar.holidays import HOLIDAYS


def test_every_listed_closure_is_a_closed_weekday_announced_at_most_two_weeks_earlier():
    for closure in ANNOUNCED_LATE:
        assert closure.day.isoformat() in HOLIDAYS
        assert 0 <= (closure.day - closure.announced).days <= 14


def test_a_closure_is_parsed_with_its_announcement_date():
    assert parse_closures(["2026-12-09 announced 2026-12-01"]) == (
        Closure(date(2026, 12, 9), date(2026, 12, 1)),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-12-09", "write it like 2026-12-09 announced 2026-12-01"),
        ("09/12/2026 announced 01/12/2026", "write it like"),
        ("2026-12-09 announced 2026-12-10", "cannot have been announced on 2026-12-10"),
        ("2026-12-12 announced 2026-12-01", "is a weekend"),
        ("2040-12-12 announced 2040-12-01", "outside the calendar"),
    ],
)
def test_an_impossible_closure_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        parse_closures([text])
