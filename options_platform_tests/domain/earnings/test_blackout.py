"""Which sessions a report takes by how sure its day is, and when positions leave for it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.earnings.blackout import (
    Known,
    ReportAhead,
    Window,
    known_at,
    known_by_session,
    leaves,
    window_of,
)
from options_platform.domain.earnings.blackout_words import blackout_words
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.rules import BlackoutRules, EarningsRules
from options_platform_tests.recorded_reports import answered

RULES = BlackoutRules()
DAY = date(2024, 2, 1)
CONFIRMED = ReportAhead(DAY, "confirmed", DAY)
QUARTERS = [date(2022, 2, 1), date(2022, 5, 3), date(2022, 8, 2), date(2022, 11, 1),
            date(2023, 1, 31), date(2023, 5, 2), date(2023, 8, 1), date(2023, 10, 31), DAY,
            date(2024, 4, 30)]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "first", "last"),
    [
        ("confirmed", DAY, DAY),
        ("estimated", date(2024, 1, 30), date(2024, 2, 5)),
        ("projected", date(2024, 1, 25), date(2024, 2, 8)),
    ],
)
def test_an_unsure_day_takes_the_sessions_around_it(status, first, last):
    assert window_of(replace(CONFIRMED, status=status), RULES) == Window(first, last, first)


def test_positions_leave_in_the_session_of_the_anchor_or_some_before_it():
    for before, leave_in in ((1, DAY), (2, date(2024, 1, 31)), (0, None)):
        assert window_of(CONFIRMED, BlackoutRules(exit_before=before)).leave_in == leave_in
    assert window_of(CONFIRMED, BlackoutRules(mode="off")).leave_in is None


def test_leaving_is_decided_at_the_close_before_and_no_more_once_the_news_is_out():
    decided = [day for day in sessions(date(2024, 1, 15), date(2024, 2, 15))
               if leaves(CONFIRMED, day, date(2024, 2, 16), RULES)]  # fmt: skip
    assert decided == [date(2024, 1, 31)]
    unsure = replace(CONFIRMED, status="estimated")
    decided = [day for day in sessions(date(2024, 1, 15), date(2024, 2, 15))
               if leaves(unsure, day, date(2024, 2, 16), RULES)]  # fmt: skip
    # Until the last session in which it may still be ahead.
    assert (decided[0], decided[-1], len(decided)) == (date(2024, 1, 29), date(2024, 2, 2), 5)


def test_what_expires_by_the_anchor_stays():
    assert not leaves(CONFIRMED, shift(DAY, -1), DAY, RULES)
    assert not leaves(None, shift(DAY, -1), date(2024, 2, 16), RULES)
    assert not leaves(CONFIRMED, shift(DAY, -1), date(2024, 2, 16), BlackoutRules(mode="off"))


def test_an_early_report_before_the_open_has_positions_leave_the_session_before():
    dates = KnownDates("NVDA", answered("NVDA", QUARTERS, timing="before_open"), EarningsRules())
    known = known_at(dates.on(date(2024, 1, 25)), date(2024, 1, 25))
    assert known.ahead == ReportAhead(DAY, "confirmed", date(2024, 1, 31))


def test_a_day_before_the_report_that_day_and_the_days_after_are_told_apart():
    dates = KnownDates("NVDA", answered("NVDA", QUARTERS), EarningsRules())
    ahead = {day: known_at(dates.on(day), day).ahead for day in sessions(date(2024, 1, 2), DAY)}
    # The first session of January sees what the year before suggests, the second half the day.
    assert ahead[date(2024, 1, 2)] == ReportAhead(date(2024, 1, 30), "projected", date(2024, 1, 30))
    assert {ahead[day] for day in sessions(date(2024, 1, 18), DAY)} == {CONFIRMED}
    after = known_at(dates.on(shift(DAY, 1)), shift(DAY, 1)).ahead
    assert (after.day, after.status) == (date(2024, 4, 30), "projected")


def test_nothing_is_dated_without_a_report_of_the_year_before():
    day = date(2024, 3, 1)
    assert known_at(KnownDates("NEW", answered("NEW", []), EarningsRules()).on(day), day) == Known(
        None, is_dated=False
    )


def test_a_date_that_moves_changes_nothing_of_the_sessions_before_both():
    moved = [day + timedelta(days=5) if day == DAY else day for day in QUARTERS]
    days = sessions(date(2023, 6, 1), DAY - timedelta(days=15))
    both = [
        known_by_session(KnownDates("NVDA", answered("NVDA", each), EarningsRules()), days)
        for each in (QUARTERS, moved)
    ]
    assert both[0] == both[1]


def test_each_close_knows_the_same_while_the_record_grows_and_once_it_is_whole():
    """Day by day equals afterwards: moved, withdrawn and late dates change no earlier close."""
    days = sessions(date(2023, 12, 1), date(2024, 2, 9))
    record, day_by_day = None, []
    for day in days:
        night = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=4)
        listed = [each for each in QUARTERS if each != DAY]
        if day >= date(2023, 12, 11):
            listed.append(date(2024, 1, 25) if day < date(2024, 1, 16) else DAY)
        record = answered("NVDA", listed, night, status="estimated", record=record)
        dates = KnownDates("NVDA", record, EarningsRules())
        day_by_day.append(known_at(dates.on(day), day))
    at_once = known_by_session(KnownDates("NVDA", record, EarningsRules()), days)
    assert day_by_day == at_once
    assert len({each.ahead for each in at_once}) > 3


REFUSES = "no entry that expires after 2024-02-01"
LEAVES = "; open positions leave in the session of 2024-02-01."
SAID = {
    "life": f": {REFUSES} in the sessions after 2024-01-25, up to 2024-02-01{LEAVES}",
    "stay": f": {REFUSES}, up to the session of 2024-02-01.",
    "window": f": no entry in the sessions from 2024-01-26 to 2024-02-01{LEAVES}",
    "off": "; the blackout is off.",
}


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("life", {}), ("stay", {"exit_before": 0}), ("window", {"mode": "window"}),
        ("off", {"mode": "off"}),
    ],
)  # fmt: skip
def test_the_blackout_is_said_in_words(name, rules):
    words = blackout_words("NVDA", Known(CONFIRMED, is_dated=True), BlackoutRules(**rules))
    assert words == f"NVDA reports on 2024-02-01 (confirmed){SAID[name]}"


def test_a_stock_without_a_date_is_said_to_make_no_entry():
    known = Known(None, is_dated=False)
    assert "no entry is made (EARNINGS_UNKNOWN)" in blackout_words("NEW", known, RULES)
    assert "not known." in blackout_words("NEW", known, BlackoutRules(unknown="allow"))
