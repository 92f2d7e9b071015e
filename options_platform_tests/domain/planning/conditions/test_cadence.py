"""How often entries are planned."""

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from options_platform.domain.calendar.holidays import LAST_YEAR
from options_platform.domain.calendar.sessions import LAST_DAY, sessions
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.testing.plan_rows import one

DAYS = sessions(date(2015, 1, 2), date(2016, 2, 5))


def plans(cadence, days=DAYS):
    rows = pl.concat(one().with_columns(date=pl.lit(day)) for day in days)
    rules = PlanRules(selection=SelectionRules(cadence=cadence))
    return build_plans(rows, rules)[0]


def test_a_week_begins_with_its_first_session_be_it_a_holiday_monday():
    made = plans("week", sessions(date(2015, 1, 12), date(2015, 1, 30)))
    traded = made.filter(pl.col("decision") == "trade")["date"].to_list()
    # The 19th was Martin Luther King Day.
    assert traded == [date(2015, 1, 12), date(2015, 1, 20), date(2015, 1, 26)]
    refused = made.filter(pl.col("date") == date(2015, 1, 14)).row(0, named=True)
    assert refused["reasons"] == ["NOT_ENTRY_DAY"]
    assert refused["needs"] == "the next first session of a week, 2015-01-20"


def test_a_month_begins_with_its_first_session():
    made = plans("month")
    traded = made.filter(pl.col("decision") == "trade")["date"].to_list()
    assert traded[:4] == [date(2015, 1, 2), date(2015, 2, 2), date(2015, 3, 2), date(2015, 4, 1)]
    assert traded[-1] == date(2016, 2, 1)
    assert len(traded) == 14


@pytest.mark.parametrize("cadence", ["week", "month"])
def test_a_session_is_an_entry_day_alone_as_among_others(cadence):
    made = plans(cadence)
    for day in DAYS[:25]:
        assert plans(cadence, [day]).equals(made.filter(pl.col("date") == day))
    by_day = made.filter(pl.col("decision") == "trade")["date"].to_list()
    apart = [later - day for day, later in pairwise(by_day)]
    assert min(apart) >= timedelta(days=3)


@pytest.mark.parametrize(("cadence", "first"), [("week", 27), ("month", 1)])
def test_the_last_period_of_the_calendar_has_no_next_entry_day_to_name(cadence, first):
    days = [day for day in sessions(date(LAST_YEAR, 12, 1), LAST_DAY) if day.day >= first]
    made = plans(cadence, days)
    assert made["reasons"][1:].to_list() == [["NOT_ENTRY_DAY"]] * (len(days) - 1)
    assert set(made["needs"][1:]) == {f"the first session of a {cadence}"}


def test_by_default_every_session_is_an_entry_day():
    made = plans("session")
    assert made.filter(pl.col("decision") == "trade").height == len(DAYS)
    assert made.equals(build_plans(
        pl.concat(one().with_columns(date=pl.lit(day)) for day in DAYS), PlanRules()
    )[0])  # fmt: skip


def test_another_cadence_is_refused():
    with pytest.raises(ValueError, match="cadence is one of session, week, month"):
        SelectionRules(cadence="day")
