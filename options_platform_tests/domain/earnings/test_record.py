"""The record of what was known is only ever lengthened."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from options_platform.domain.earnings.merging import merged
from options_platform_tests.domain.earnings.test_known_dates import answer, record

FIRST = datetime(2024, 9, 2, 5, tzinfo=UTC)
PAST = [date(2024, 1, 30), date(2024, 4, 30), date(2024, 7, 30)]
PLANNED = date(2024, 10, 29)


def later(days):
    return FIRST + timedelta(days=days)


def rows(found):
    columns = ("quarter_no", "date", "status", "known_from", "known_until")
    return found.sort("quarter_no", "known_from").select(columns).rows()


def test_an_answer_that_says_the_same_adds_nothing():
    once = record(answer([*PAST, PLANNED], FIRST))
    assert once.equals(record(answer([*PAST, PLANNED], FIRST), answer([*PAST, PLANNED], later(1))))
    assert once["quarter_no"].to_list() == [1, 2, 3, 4]
    assert once["known_until"].null_count() == 4


def test_a_report_keeps_its_number_when_it_moves_and_its_former_date_ends():
    moved = PLANNED + timedelta(days=7)
    found = record(answer([*PAST, PLANNED], FIRST), answer([*PAST, moved], later(3)))
    assert rows(found)[3:] == [
        (4, PLANNED, "confirmed", FIRST, later(3)),
        (4, moved, "confirmed", later(3), None),
    ]


def test_a_report_that_is_no_longer_listed_is_withdrawn_and_may_come_back():
    gone, back = later(3), later(9)
    found = record(
        answer([*PAST, PLANNED], FIRST), answer(PAST, gone), answer([*PAST, PLANNED], back)
    )
    assert [row[2:] for row in rows(found)[3:]] == [
        ("confirmed", FIRST, gone), ("withdrawn", gone, back), ("confirmed", back, None),
    ]  # fmt: skip


def test_days_that_were_not_asked_for_are_not_withdrawn():
    found = record(
        answer([*PAST, PLANNED], FIRST), answer([PLANNED], later(3), start=later(-30).date())
    )
    assert found["known_until"].null_count() == 4


def test_a_report_that_comes_two_days_early_is_the_planned_one():
    early = PLANNED - timedelta(days=2)
    found = record(
        answer([*PAST, PLANNED], FIRST),
        answer([*PAST, early], datetime(2024, 10, 28, 5, tzinfo=UTC), status="reported"),
    )
    assert rows(found)[4][:3] == (4, early, "reported")


def test_two_reports_in_a_week_are_two_and_stay_two():
    twice = [*PAST, date(2024, 7, 31)]
    found = record(answer(twice, FIRST), answer(twice, later(1)))
    assert found.height == 4


def test_a_file_that_says_since_when_dates_are_known_is_recorded_as_of_then():
    planned = [datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 8, 15, tzinfo=UTC)]
    days = [*PAST, date(2024, 10, 22), PLANNED]
    one = answer(days, FIRST, known_from=[None, None, None, *planned])
    found = record(one)
    assert rows(found)[:2] == [
        (1, PAST[0], "reported", planned[0], None), (2, PAST[1], "reported", planned[0], None),
    ]  # fmt: skip
    assert [row[1:] for row in rows(found) if row[1] > PAST[2]] == [
        (date(2024, 10, 22), "confirmed", planned[0], planned[1]),
        (PLANNED, "confirmed", planned[1], None),
    ]
    assert record(one, answer(days, later(1), known_from=[None, None, None, *planned])).equals(
        found
    )


def reports(source, *given):
    return pl.DataFrame(
        [(day, timing, None, eps, source) for day, timing, eps in given],
        schema={"date": pl.Date, "timing": pl.String, "eps_estimate": pl.Float64,
                "eps_reported": pl.Float64, "source": pl.String},
        orient="row",
    )  # fmt: skip


def test_the_first_source_dates_the_past_and_the_others_plan_and_give_figures():
    edgar = reports(
        "edgar",
        (date(2024, 1, 8), "after_close", None),  # Preliminary figures, three weeks early.
        (date(2024, 1, 30), "after_close", None),
        (date(2024, 4, 30), "before_open", None),
    )
    yahoo = reports(
        "yahoo",
        (date(2023, 10, 31), None, 2.0),
        (date(2024, 1, 29), None, 2.1),
        (date(2024, 4, 30), None, 2.2),
        (PLANNED, "after_close", None),
    )
    found = merged([edgar, yahoo], date(2024, 9, 2))
    assert found.select("date", "timing", "eps_reported", "source", "other_date").rows() == [
        (date(2023, 10, 31), None, 2.0, "yahoo", None),
        (date(2024, 1, 30), "after_close", 2.1, "edgar", date(2024, 1, 29)),
        (date(2024, 4, 30), "before_open", 2.2, "edgar", None),
        (PLANNED, "after_close", None, "yahoo", None),
    ]
    since = [datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 8, 1, tzinfo=UTC)]
    files = reports("csv", (date(2024, 7, 23), None, 2.3), (PAST[2], None, 2.3))
    files = files.with_columns(known_from=pl.Series(since))
    filed = reports("edgar", (PAST[2], "after_close", None)).with_columns(
        known_from=pl.lit(None, files.schema["known_from"])
    )
    assert merged([filed, files], date(2024, 9, 2))["date"].to_list() == [PAST[2]]
    alone = merged([edgar], date(2024, 9, 2))
    assert alone["date"].to_list() == [date(2024, 1, 30), date(2024, 4, 30)]
    assert merged([yahoo], date(2024, 9, 2)).drop("other_date").equals(yahoo)
