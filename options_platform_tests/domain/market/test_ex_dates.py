from datetime import date

import polars as pl

from options_platform.domain.market.ex_dates import ex_dates, expected_ex_dates, next_dividends
from options_platform.testing.look_ahead import truncation_differences

ACTIONS = pl.DataFrame(
    {
        # SPY's ex-dates of 2023 and 2024 (State Street), and a split, which has no dividend.
        "date": [
            date(2023, 3, 17),
            date(2023, 6, 16),
            date(2023, 9, 15),
            date(2023, 12, 15),
            date(2024, 3, 15),
            date(2024, 4, 1),
        ],
        "ticker": "SPY",
        "dividend": [1.506, 1.638, 1.583, 1.906, 1.595, 0.0],
    }
)


def keys(*days):
    return pl.DataFrame({"date": list(days), "ticker": "SPY"})


def test_only_dividends_have_ex_dates():
    dividends = ex_dates(ACTIONS)
    assert dividends.columns == ["ticker", "ex_date", "dividend"]
    assert dividends["ex_date"].to_list() == ACTIONS["date"].to_list()[:5]


def test_the_next_ex_date_is_expected_one_median_interval_after_the_last():
    row = expected_ex_dates(keys(date(2024, 4, 2)), ACTIONS).row(0, named=True)
    assert row["last_ex_date"] == date(2024, 3, 15)
    assert row["last_dividend"] == 1.595
    # The actual ex-date was 2024-06-21, within a week.
    assert row["expected_ex_date"] == date(2024, 6, 14)


def test_the_next_dividend_equals_the_last_and_counts_down_in_sessions():
    days = keys(date(2024, 6, 13), date(2024, 6, 14), date(2024, 6, 17))
    upcoming = next_dividends(days, ACTIONS)
    assert upcoming["amount"].to_list() == [1.595] * 3
    assert upcoming["sessions_ahead"].to_list() == [1, 0, -1]
    # On the ex-date its dividend is the last one, and the next is a quarter away.
    on_ex_date = next_dividends(keys(date(2024, 3, 15)), ACTIONS).row(0, named=True)
    assert on_ex_date["sessions_ahead"] == 63
    unknown = next_dividends(keys(date(2023, 3, 20)), ACTIONS).row(0, named=True)
    assert (unknown["amount"], unknown["sessions_ahead"]) == (None, None)


def test_no_dividend_is_expected_before_the_second_one():
    expected = expected_ex_dates(keys(date(2023, 1, 3), date(2023, 3, 17)), ACTIONS)
    assert expected["last_ex_date"].to_list() == [None, date(2023, 3, 17)]
    assert expected["expected_ex_date"].to_list() == [None, None]


def test_no_row_sees_a_later_dividend():
    days = keys(*[date(2023, month, 20) for month in range(1, 13)])
    for compute in (expected_ex_dates, next_dividends):
        assert truncation_differences(compute, date(2023, 7, 1), days, ACTIONS).is_empty()


def test_real_dividends_of_spy_are_expected_within_ten_days(reference_data):
    """`prices/SPY_dividends.csv`, 2007 to 2024."""
    real = pl.read_csv(reference_data / "prices" / "SPY_dividends.csv", try_parse_dates=True)
    actions = real.select(date="ex_date", dividend="cash_amount").with_columns(ticker=pl.lit("SPY"))
    expected = expected_ex_dates(actions.select("date", "ticker"), actions)
    pairs = expected.with_columns(came=pl.col("date").shift(-1)).drop_nulls()
    off = (pairs["came"] - pairs["expected_ex_date"]).dt.total_days().abs()
    assert pairs.height > 65
    assert (off <= 10).mean() > 0.95
