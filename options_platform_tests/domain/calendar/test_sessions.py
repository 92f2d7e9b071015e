from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.domain.calendar.sessions import (
    NEW_YORK,
    all_sessions,
    close_time,
    early_closes,
    last_trading_days,
    newest_session,
    open_time,
    require_session,
    session_times,
    sessions,
    shift,
)
from options_platform.errors import UsageError
from tools.generate_holidays import TARGET, render


@pytest.fixture(scope="module")
def exchange():
    import exchange_calendars

    return exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2027-12-31")


def test_sessions_equal_those_of_exchange_calendars(exchange):
    wanted = [stamp.date() for stamp in exchange.sessions]
    assert sessions(date(1990, 1, 1), date(2027, 12, 31)) == wanted


def test_early_closes_equal_those_of_exchange_calendars(exchange):
    assert early_closes() == {stamp.date() for stamp in exchange.early_closes}


def test_opens_and_closes_equal_those_of_exchange_calendars_in_utc(exchange):
    """Daylight saving, early closes and all."""
    days = sessions(date(2000, 1, 1), date(2027, 12, 31))
    for day in days:
        assert open_time(day) == exchange.session_open(day.isoformat()).to_pydatetime()
        assert close_time(day) == exchange.session_close(day.isoformat()).to_pydatetime()


def test_the_generated_holiday_list_is_up_to_date():
    assert TARGET.read_text(encoding="utf-8") == render()


def test_a_day_beyond_the_calendar_is_refused_with_its_range():
    assert all_sessions()[-1] == date(2027, 12, 31)
    with pytest.raises(UsageError, match="2027-12-31"):
        sessions(date(2027, 12, 1), date(2028, 1, 3))


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        # Clocks go forward on 2024-03-10 and back on 2024-11-03; 2024-11-29 closes at 13:00.
        (date(2024, 3, 8), datetime(2024, 3, 8, 21, 0, tzinfo=UTC)),
        (date(2024, 3, 11), datetime(2024, 3, 11, 20, 0, tzinfo=UTC)),
        (date(2024, 11, 1), datetime(2024, 11, 1, 20, 0, tzinfo=UTC)),
        (date(2024, 11, 4), datetime(2024, 11, 4, 21, 0, tzinfo=UTC)),
        (date(2024, 11, 29), datetime(2024, 11, 29, 18, 0, tzinfo=UTC)),
        (date(2024, 7, 3), datetime(2024, 7, 3, 17, 0, tzinfo=UTC)),
    ],
)
def test_closes_follow_daylight_saving_and_half_days(day, utc):
    assert close_time(day) == utc
    row = session_times().filter(pl.col("date") == day).row(0, named=True)
    assert row["close_at"] == utc
    assert row["next_open_at"] == open_time(shift(day, 1))


def test_the_newest_session_changes_at_new_york_midnight_in_both_clock_weeks():
    assert newest_session(datetime(2024, 3, 9, 4, 59, tzinfo=UTC)) == date(2024, 3, 7)
    assert newest_session(datetime(2024, 3, 9, 5, 0, tzinfo=UTC)) == date(2024, 3, 8)
    assert newest_session(datetime(2024, 3, 12, 4, 0, tzinfo=UTC)) == date(2024, 3, 11)
    assert newest_session(datetime(2024, 11, 5, 4, 59, tzinfo=UTC)) == date(2024, 11, 1)
    assert newest_session(datetime(2024, 11, 5, 5, 0, tzinfo=UTC)) == date(2024, 11, 4)


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
def test_a_session_becomes_the_newest_at_the_next_new_york_midnight(now, wanted):
    assert newest_session(now) == wanted


@pytest.mark.parametrize("day", [date(2024, 7, 4), date(2024, 7, 6), date(2025, 1, 9)])
def test_a_day_without_session_is_refused(day):
    with pytest.raises(UsageError, match="session"):
        require_session(day, date(2025, 6, 2))


def test_a_future_session_is_refused():
    with pytest.raises(UsageError, match="2024-07-08"):
        require_session(date(2024, 7, 8), date(2024, 7, 5))


def test_shifting_skips_holidays_in_both_directions():
    assert shift(date(2024, 7, 3), 1) == date(2024, 7, 5)
    assert shift(date(2024, 7, 5), -1) == date(2024, 7, 3)
    assert shift(date(2024, 7, 5), 0) == date(2024, 7, 5)
    assert shift(all_sessions()[0], 5) == all_sessions()[5]


def test_a_contract_last_trades_on_the_session_before_its_saturday_or_holiday():
    days = pl.Series([date(2015, 1, 17), date(2015, 1, 16), date(2022, 4, 15), date(2029, 1, 20)])
    # Beyond the calendar's end only weekends are known.
    assert last_trading_days(days).to_list() == [
        date(2015, 1, 16),
        date(2015, 1, 16),
        date(2022, 4, 14),
        date(2029, 1, 19),
    ]


def test_an_empty_column_of_days_stays_empty():
    assert last_trading_days(pl.Series([], dtype=pl.Date)).len() == 0
