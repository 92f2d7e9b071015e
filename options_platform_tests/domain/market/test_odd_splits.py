"""Splits after which a contract delivers something else than 100 shares."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.market.odd_splits import (
    leaves_before_split,
    odd_splits,
    odd_splits_ahead,
    whole_ratio,
)

EX_DATE = date(2014, 4, 3)
"""Google's class C shares: one for each class A share, and 1.998 new shares for an old one."""


def actions(*splits):
    return pl.DataFrame(
        [(day, ticker, ratio) for day, ticker, ratio in splits],
        schema={"date": pl.Date, "ticker": pl.String, "split_ratio": pl.Float64},
        orient="row",
    )


@pytest.mark.parametrize(
    ("ratio", "contracts"),
    [(7.0, 7), (2.0000001, 2), (1.998, 1), (1.5, 1), (0.125, 1), (1.0, 1), (20.0, 20)],
)
def test_only_a_whole_number_of_new_shares_multiplies_contracts(ratio, contracts):
    assert whole_ratio(ratio) == contracts


def test_whole_splits_and_dividends_are_no_odd_splits():
    found = odd_splits(
        actions(
            (EX_DATE, "GOOGL", 1.998), (date(2014, 6, 9), "AAPL", 7.0),
            (date(2020, 1, 2), "XYZ", 0.1), (date(2020, 3, 2), "XYZ", 1.0),
            (date(2020, 4, 1), "XYZ", None),
        )
    )  # fmt: skip
    assert sorted(found.rows()) == [("GOOGL", EX_DATE), ("XYZ", date(2020, 1, 2))]


def test_a_split_is_known_ten_days_before_and_left_two_sessions_before():
    days = [date(2014, 3, 21), date(2014, 3, 24), date(2014, 3, 31), date(2014, 4, 1),
            date(2014, 4, 2), EX_DATE]  # fmt: skip
    keys = pl.DataFrame({"date": days, "ticker": "GOOGL"})
    ahead = odd_splits_ahead(keys, odd_splits(actions((EX_DATE, "GOOGL", 1.998))))
    assert ahead["odd_split_on"].to_list() == [None, *[EX_DATE] * 4, None]
    assert ahead["sessions_to_odd_split"].to_list() == [None, 8, 3, 2, 1, None]
    leaving = [leaves_before_split(n) for n in ahead["sessions_to_odd_split"]]
    assert leaving == [False, False, False, True, True, False]


def test_an_ex_date_without_a_session_counts_to_the_next_one_and_no_other_ticker_has_it():
    saturday = date(2014, 4, 5)
    keys = pl.DataFrame({"date": [date(2014, 4, 3)] * 2, "ticker": ["GOOGL", "AAPL"]})
    ahead = odd_splits_ahead(keys, odd_splits(actions((saturday, "GOOGL", 0.5))))
    by_ticker = dict(ahead.select("ticker", "sessions_to_odd_split").rows())
    assert by_ticker == {"GOOGL": 2, "AAPL": None}
