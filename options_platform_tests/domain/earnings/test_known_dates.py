"""What is known of reports at a moment: nothing later has a part in it."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import close_time, sessions
from options_platform.domain.earnings.anchors import anchor_of, reaction_of
from options_platform.domain.earnings.known_dates import KnownDates, as_frame, next_report
from options_platform.domain.earnings.record import Answer, lengthened
from options_platform.domain.earnings.rules import EarningsRules

FETCHED = datetime(2026, 1, 10, 5, tzinfo=UTC)
# The reports of NVDA, by the file of the study.
REPORTS = [date(2022, 5, 25), date(2022, 8, 24), date(2022, 11, 16), date(2023, 2, 22),
           date(2023, 5, 24), date(2023, 8, 23), date(2023, 11, 21), date(2024, 2, 21)]  # fmt: skip


def answer(days, at, *, start=date(2020, 1, 1), timing="after_close", status=None, known_from=None):
    days = sorted(days)
    frame = pl.DataFrame(
        {"date": days, "timing": timing, "source": "csv", "known_from": known_from},
        schema_overrides={"timing": pl.String, "known_from": EARNINGS_KNOWN.schema["known_from"]},
    )
    past = pl.when(pl.col("date") < at.date()).then(pl.lit("reported"))
    frame = frame.with_columns(status=past.otherwise(pl.lit(status or "confirmed")))
    return Answer(frame, start, max(days, default=start) + timedelta(days=300), at)


def record(*answers):
    stored = EARNINGS_KNOWN.empty()
    for one in answers:
        added = lengthened("NVDA", stored, one)
        kept = stored.join(added, on=EARNINGS_KNOWN.key, how="anti")
        stored = EARNINGS_KNOWN.validate(pl.concat([kept, added]))
    return stored


def known(*answers, **rules):
    return KnownDates("NVDA", record(*answers), EarningsRules(**rules))


def shown(dates, day):
    return [(report.day, report.status) for report in dates.on(day)]


def test_a_date_is_seen_two_weeks_ahead_and_projected_from_the_year_before_until_then():
    dates = known(answer(REPORTS, FETCHED))
    report = date(2023, 8, 23)
    assert next_report(dates.on(date(2023, 8, 8)), date(2023, 8, 8)).day == date(2023, 8, 23)
    early = next_report(dates.on(report - timedelta(days=14)), report - timedelta(days=14))
    assert (early.day, early.status, early.knowledge) == (report, "confirmed", "assumed")
    before = report - timedelta(days=15)
    projected = next_report(dates.on(before), before)
    assert (projected.day, projected.status) == (
        date(2022, 8, 24) + timedelta(days=364),
        "projected",
    )
    assert [report.day for report in dates.on(before)][:-1] == REPORTS[:5]


@settings(max_examples=20)
@given(st.sampled_from([5, 6, 7]), st.integers(-20, 20))
def test_a_date_moved_after_a_session_changes_nothing_on_it(place, days):
    moved = [*REPORTS]
    moved[place] += timedelta(days=days)
    first = min(REPORTS[place], moved[place]) - timedelta(days=15)
    left, right = known(answer(REPORTS, FETCHED)), known(answer(moved, FETCHED))
    for day in sessions(first - timedelta(days=20), first)[::3]:
        assert left.on(day) == right.on(day)


def test_what_is_known_on_a_day_is_the_same_whenever_it_is_asked():
    """Day by day, with the record growing, and all at once from the whole record."""
    plans = {
        date(2023, 8, 1): [*REPORTS[:5], date(2023, 8, 22)],
        date(2023, 8, 10): [*REPORTS[:5], date(2023, 8, 23)],
        date(2023, 8, 25): [*REPORTS[:6], date(2023, 11, 14)],
        date(2023, 10, 2): REPORTS[:6],
        date(2023, 11, 6): [*REPORTS[:6], date(2023, 11, 21)],
    }
    answers = [
        answer(days, datetime(day.year, day.month, day.day, 4, 30, tzinfo=UTC))
        for day, days in plans.items()
    ]
    whole = known(*answers)
    # The first answer arrives after the first sessions, which go by it too.
    by_then = [known(*answers[: max(count, 1)]) for count in range(len(answers) + 1)]
    for day in sessions(date(2023, 7, 3), date(2023, 11, 30)):
        so_far = sum(one.at <= close_time(day) for one in answers)
        assert whole.on(day) == by_then[so_far].on(day)
    assert next_report(whole.on(date(2023, 8, 9)), date(2023, 8, 9)).day == date(2023, 8, 22)
    assert next_report(whole.on(date(2023, 8, 10)), date(2023, 8, 10)).day == date(2023, 8, 23)
    # The plan was withdrawn, so the report is projected until there is another.
    withdrawn = next_report(whole.on(date(2023, 10, 2)), date(2023, 10, 2))
    assert (withdrawn.day, withdrawn.status) == (
        date(2023, 11, 15) - timedelta(days=0),
        "projected",
    )
    assert next_report(whole.on(date(2023, 11, 6)), date(2023, 11, 6)).day == date(2023, 11, 21)


def test_a_correction_of_the_past_reaches_the_sessions_before_the_first_fetch():
    wrong = [*REPORTS[:4], date(2023, 5, 22), *REPORTS[5:]]
    later = FETCHED + timedelta(days=30)
    dates = known(answer(wrong, FETCHED), answer(REPORTS, later))
    assert (date(2023, 5, 24), "reported") in shown(dates, date(2023, 6, 1))
    # But what was believed in between stays what was believed.
    assert date(2023, 5, 22) in [report.day for report in dates.at(FETCHED)]
    assert date(2023, 5, 24) in [report.day for report in dates.at(later)]


def test_a_projected_day_that_has_passed_is_due_any_day_for_two_weeks():
    dates = known(answer(REPORTS[:5], datetime(2023, 6, 1, 5, tzinfo=UTC)))
    projected = date(2022, 8, 24) + timedelta(days=364)
    for late in (0, 3, 14):
        day = projected + timedelta(days=late)
        found = next_report(dates.on(sessions(day, day + timedelta(days=5))[0]), day)
        assert (found.status, found.anchor >= day) == ("projected", True)
    after = date(2023, 9, 8)
    assert next_report(dates.on(after), after) is None


def test_a_ticker_without_reports_has_none_and_one_report_is_no_year_to_project_from():
    assert known().on(date(2023, 8, 8)) == ()
    alone = known(answer(REPORTS[:1], FETCHED))
    assert next_report(alone.on(date(2022, 7, 1)), date(2022, 7, 1)) is None


def test_the_timing_that_no_source_gives_is_the_settings_or_after_the_close():
    unsaid = answer(REPORTS, FETCHED, timing=None)
    day = date(2024, 3, 1)
    assumed, by_setting = known(unsaid), known(unsaid, timing={"NVDA": "before_open"})
    last = [dates.on(day)[-2] for dates in (assumed, by_setting)]
    assert [(r.anchor, r.timing_source) for r in last] == [
        (date(2024, 2, 21), "assumed"), (date(2024, 2, 20), "setting"),
    ]  # fmt: skip
    assert as_frame(last)["timing"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("day", "timing", "anchor", "reaction"),
    [
        (date(2024, 10, 31), "after_close", date(2024, 10, 31), date(2024, 11, 1)),
        (date(2024, 10, 31), "before_open", date(2024, 10, 30), date(2024, 10, 31)),
        (date(2024, 10, 31), None, date(2024, 10, 31), date(2024, 11, 1)),
        # A Saturday, Thanksgiving, and the half day after it.
        (date(2024, 11, 2), "before_open", date(2024, 11, 1), date(2024, 11, 4)),
        (date(2024, 11, 2), None, date(2024, 11, 1), date(2024, 11, 4)),
        (date(2024, 11, 28), "after_close", date(2024, 11, 27), date(2024, 11, 29)),
        (date(2024, 11, 29), "after_close", date(2024, 11, 29), date(2024, 12, 2)),
        (date(2024, 11, 29), "before_open", date(2024, 11, 27), date(2024, 11, 29)),
    ],
)
def test_the_anchor_is_the_last_close_before_the_news(day, timing, anchor, reaction):
    assert anchor_of(day, timing) == anchor
    assert reaction_of(anchor) == reaction
