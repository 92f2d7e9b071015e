from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources.files.text.dates import DateTextError, dates_of, hours_of
from options_platform.adapters.sources.files.text.numbers import (
    NumberTextError,
    cleaned,
    decimal_mark,
    number_expr,
)

DAY = date(2024, 7, 2)
WRITTEN = [
    "2024-07-02",
    "2024-7-2",
    "20240702",
    "2024/07/02",
    "2024.07.02",
    "02.07.2024",
    "2-Jul-2024",
    "02-Jul-24",
    "2 July 2024",
    "Jul 2, 2024",
    "July 02, 2024",
    "Tue Jul 2 2024",
    "2024-07-02 16:00:00",
    "2024-07-02T09:30",
    # Midnight of the day itself, in New York, in UTC and in India.
    "2024-07-02 00:00:00-04:00",
    "2024-07-02T00:00:00.000Z",
    "2024-07-02 00:00:00+05:30",
    # Midnight UTC as New York, Chicago and Berlin show it, summer and winter alike.
    "2024-07-01 20:00:00-04:00",
    "2024-07-01T19:00:00-0500",
    "2024-07-02 02:00:00+02:00",
    # Midnight and the bell of New York in UTC, and the close in Berlin's evening.
    "2024-07-02T04:00:00Z",
    "2024-07-02 13:30:00+00:00",
    "2024-07-02 20:00:00 UTC",
    "2024-07-02 22:00:00+02:00",
    # An evening in New York is another day in UTC.
    "2024-07-03T01:30:00Z",
    # The same instants since 1970: midnight UTC, midnight and the bell of New York.
    "1719878400",
    "1719892800000",
    "1719927000000000",
    "1719892800000000000",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_date_is_read_as_the_session_that_it_means(text):
    assert dates_of(pl.Series([text, None])).to_list() == [DAY, None]


@pytest.mark.parametrize(
    "text", ["", "soon", "2024-13-01", "2024-02-30", "45475", "1/2", "12345678", "Foo 2, 2024"]
)
def test_text_that_is_not_a_date_is_null(text):
    assert dates_of(pl.Series([text])).to_list() == [None]


@pytest.mark.parametrize(
    ("texts", "order", "wanted"),
    [
        (["07/02/2024", "07/15/2024"], "", DAY),
        (["02/07/2024", "15/07/2024"], "", DAY),
        (["07/02/2024"], "mdy", DAY),
        (["02/07/2024"], "dmy", DAY),
        (["07/02/24", "07/15/24"], "", DAY),
        (["7/2/2024 16:00:00", "7/15/2024 16:00:00"], "", DAY),
    ],
)
def test_day_and_month_are_read_in_the_given_order_or_the_only_one_that_fits_the_column(
    texts, order, wanted
):
    assert dates_of(pl.Series(texts), order)[0] == wanted


@pytest.mark.parametrize("texts", [["01/02/2020", "03/04/2020"], ["07/15/2024", "15/07/2024"]])
def test_dates_that_fit_no_order_or_two_are_refused(texts):
    with pytest.raises(DateTextError, match="write dates like 2024-12-31"):
        dates_of(pl.Series(texts))


def test_hours_are_those_of_new_york():
    texts = ["2024-08-01 16:30:00-04:00", "8/1/2024 7:00 AM", "2024-08-01 4:05 PM"]
    assert hours_of(pl.Series(texts)).round(2).to_list() == [16.5, 7.0, 16.08]
    assert hours_of(pl.Series(["2024-08-01", "2024-08-01T17:00:00Z"])).to_list() == [None, None]


def numbers(texts):
    frame = pl.DataFrame({"text": texts}).select(cleaned(pl.col("text")))
    return frame.select(number_expr(pl.col("text"), decimal_mark(frame["text"])))["text"].to_list()


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["101.25", "1,234.5", "1,234,567"], [101.25, 1234.5, 1234567.0]),
        (["101,25", "1.234,5", "1.234.567"], [101.25, 1234.5, 1234567.0]),
        (["$101.25", "€7", " 8 "], [101.25, 7.0, 8.0]),
        (["1 234,5", "1\u00a0234,50", "1\u202f234"], [1234.5, 1234.5, 1234.0]),
        (["1'234.5", "12"], [1234.5, 12.0]),
        (["45.12M", "5.5K", "1.2B"], [45_120_000.0, 5500.0, 1.2e9]),
        (["12,34,567.00", "1.5"], [1234567.0, 1.5]),
        (["1.234", "5"], [1.234, 5.0]),
        (["1e6", "1.5E+05", "-0.5", "+3"], [1e6, 150_000.0, -0.5, 3.0]),
        ([".", "", "null", "N/A", "-", "\\N", "#N/A", "2"], [None] * 7 + [2.0]),
        (["1,2,3", "1.5"], [None, 1.5]),
        (["1.2.3", "7"], [None, 7.0]),
        (["12x", "7"], [None, 7.0]),
    ],
)
def test_all_numbers_have_the_same_decimal_mark(texts, wanted):
    assert numbers(texts) == wanted


@pytest.mark.parametrize("texts", [["1,234"], ["1,234", "5,678"], ["101,25", "101.25"]])
def test_ambiguous_numbers_are_refused(texts):
    with pytest.raises(NumberTextError, match="write"):
        numbers(texts)
