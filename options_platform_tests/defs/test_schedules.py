"""The schedule as the daemon runs it: each tick of its cron in New York is evaluated."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from dagster._utils.schedules import schedule_execution_time_iterator

from options_platform.definitions import build_defs
from options_platform.defs.schedules import make_schedule
from options_platform.domain.calendar.sessions import NEW_YORK, sessions
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.settings import make_settings

TICKERS = ("SPY", "QQQ", "IWM")


def settings_of(tmp_path, **changes):
    values = {"home": tmp_path, "source": "simulated", "tickers": TICKERS, **changes}
    return make_settings(values)


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    settings = settings_of(tmp_path_factory.mktemp("home"))
    definitions = build_defs(settings)
    schedule = definitions.resolve_schedule_def("daily_after_close")

    def run(moment, own=None):
        context = dg.build_schedule_context(
            scheduled_execution_time=moment,
            repository_def=definitions.get_repository_def(),
        )
        found = (own or schedule).evaluate_tick(context)
        return found.run_requests or [], found.skip_message

    run.schedule = schedule
    return run


def ticks(schedule, begin, end):
    every = schedule_execution_time_iterator(
        begin.timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )
    return [m.astimezone(NEW_YORK) for m in takewhile(lambda moment: moment < end, every)]


def test_it_fires_half_an_hour_after_midnight_new_york_from_tuesday_to_saturday(evaluate):
    begin = datetime(2024, 7, 1, tzinfo=NEW_YORK)
    found = ticks(evaluate.schedule, begin, begin + timedelta(days=14))
    assert [(moment.hour, moment.minute) for moment in found] == [(0, 30)] * 10
    assert [moment.isoweekday() for moment in found] == [2, 3, 4, 5, 6] * 2


@pytest.mark.parametrize("year", [2024, 2025])
def test_over_a_year_it_requests_each_session_once_and_nothing_else(evaluate, year):
    begin = datetime(year, 1, 1, 12, tzinfo=NEW_YORK)
    asked = []
    for moment in ticks(evaluate.schedule, begin, datetime(year + 1, 1, 1, 12, tzinfo=NEW_YORK)):
        requests, skipped = evaluate(moment)
        assert len(requests) == (0 if skipped else 1)
        asked += [date.fromisoformat(request.run_key) for request in requests]
    assert asked == sessions(date(year, 1, 1), date(year, 12, 31))


def test_a_holiday_is_skipped_by_its_date(evaluate):
    requests, skipped = evaluate(datetime(2024, 7, 5, 0, 30, tzinfo=NEW_YORK))
    assert requests == []
    assert skipped == "2024-07-04 was not a New York session"


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        # Clocks go forward on 10 March and back on 3 November 2024, both Sundays.
        (datetime(2024, 3, 9, 5, 30, tzinfo=UTC), "2024-03-08"),
        (datetime(2024, 3, 12, 4, 30, tzinfo=UTC), "2024-03-11"),
        (datetime(2024, 11, 2, 4, 30, tzinfo=UTC), "2024-11-01"),
        (datetime(2024, 11, 5, 5, 30, tzinfo=UTC), "2024-11-04"),
    ],
)
def test_in_the_weeks_of_the_clock_change_the_day_is_new_yorks(evaluate, moment, session):
    minute = timedelta(minutes=1)
    assert ticks(evaluate.schedule, moment - minute, moment + minute) == [moment]
    requests, _ = evaluate(moment)
    assert [request.run_key for request in requests] == [session]


def test_one_run_asks_for_all_tickers_of_the_newest_partition(evaluate, tmp_path):
    moment = datetime(2024, 7, 6, 0, 30, tzinfo=NEW_YORK)
    (request,), _ = evaluate(moment)
    assert request.tags[ASSET_PARTITION_RANGE_START_TAG] == "2024-07-05|SPY"
    assert request.tags[ASSET_PARTITION_RANGE_END_TAG] == "2024-07-05|IWM"
    assert newest_date(settings_of(tmp_path), moment) == date(2024, 7, 5)


def test_after_the_end_of_a_frozen_source_it_skips_with_the_reason(evaluate, tmp_path):
    ended = make_schedule(settings_of(tmp_path, end=date(2024, 7, 3)))
    requests, _ = evaluate(datetime(2024, 7, 4, 0, 30, tzinfo=NEW_YORK), ended)
    assert len(requests) == 1
    requests, skipped = evaluate(datetime(2024, 7, 6, 0, 30, tzinfo=NEW_YORK), ended)
    assert requests == []
    assert skipped == "the data of source simulated ends 2024-07-03"
