from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.calendar.closures import Closure
from options_platform.domain.calendar.expiries import (
    CLASSES,
    choose_expiries,
    listed_expiries,
    monthly_expiries,
    quarterly_expiries,
    weekday_expiries,
)
from options_platform.domain.calendar.sessions import (
    all_sessions,
    is_session,
    last_trading_days,
    sessions,
    set_closures,
    unplanned_closures,
)
from options_platform_tests.chain_files import read_chain_file

TICKERS = (*CLASSES, "AAPL")
SESSIONS = [day for day in all_sessions() if date(2005, 1, 1) <= day <= date(2027, 9, 30)]


def choose(day, target, ticker, low=14, high=45):
    days = np.array([day], dtype="datetime64[D]")
    return choose_expiries(days, np.array([target]), low, high, [ticker])[0]


@pytest.mark.parametrize(
    ("month", "day"),
    [
        # Cboe expiration calendars: third Fridays; Thursdays at Good Friday and Juneteenth.
        ((2024, 3), date(2024, 3, 15)),
        ((2019, 4), date(2019, 4, 18)),
        ((2022, 4), date(2022, 4, 14)),
        ((2025, 4), date(2025, 4, 17)),
        ((2026, 6), date(2026, 6, 18)),
        ((2027, 6), date(2027, 6, 17)),
    ],
)
def test_monthlies_are_third_fridays_or_the_session_before(month, day):
    assert [d for d in monthly_expiries() if (d.year, d.month) == month] == [day]


def test_quarterlies_are_the_last_sessions_of_quarters():
    quarterlies = [day for day in quarterly_expiries() if day.year == 2024]
    # Good Friday 2024 was 29 March.
    assert quarterlies == [
        date(2024, 3, 28),
        date(2024, 6, 28),
        date(2024, 9, 30),
        date(2024, 12, 31),
    ]


def test_a_monday_expiry_on_a_holiday_moves_later_and_a_wednesday_expiry_earlier():
    assert date(2026, 2, 17) in weekday_expiries(0)  # Presidents' Day 2026-02-16
    assert date(2024, 6, 18) in weekday_expiries(2)  # Juneteenth 2024 was a Wednesday
    assert date(2024, 7, 3) in weekday_expiries(3)  # 4 July 2024 was a Thursday


@pytest.mark.parametrize(
    ("ticker", "last_without", "first_with", "expiry"),
    [
        ("SPY", date(2016, 9, 6), date(2016, 9, 7), date(2016, 9, 14)),
        ("SPY", date(2018, 2, 15), date(2018, 2, 16), date(2018, 2, 26)),
        ("QQQ", date(2021, 4, 20), date(2021, 4, 21), date(2021, 4, 28)),
        ("IWM", date(2021, 9, 30), date(2021, 10, 1), date(2021, 10, 6)),
        ("SPY", date(2022, 11, 11), date(2022, 11, 14), date(2022, 11, 15)),
        ("QQQ", date(2022, 11, 11), date(2022, 11, 16), date(2022, 11, 17)),
        ("IWM", date(2006, 7, 7), date(2006, 7, 10), date(2006, 9, 29)),
        ("AAPL", date(2010, 5, 28), date(2010, 6, 1), date(2010, 6, 4)),
        ("AAPL", date(2012, 11, 30), date(2012, 12, 3), date(2013, 1, 4)),
    ],
)
def test_weekday_expiries_are_listed_from_their_launch_on(ticker, last_without, first_with, expiry):
    assert expiry not in listed_expiries(ticker, last_without)
    assert expiry in listed_expiries(ticker, first_with)


def test_a_stock_has_fridays_only_and_the_small_caps_no_tuesdays():
    assert date(2023, 1, 11) not in listed_expiries("AAPL", date(2023, 1, 9))
    assert date(2023, 1, 10) not in listed_expiries("IWM", date(2023, 1, 9))
    assert date(2023, 1, 10) in listed_expiries("SPY", date(2023, 1, 9))


def test_before_weeklies_only_monthlies_and_quarterlies_are_listed():
    assert listed_expiries("AAPL", date(2009, 3, 2)) == (date(2009, 3, 20), date(2009, 4, 17))
    assert date(2009, 3, 31) in listed_expiries("SPY", date(2009, 3, 2))
    # Monthlies five weeks apart: no expiry is 14 to 45 days away.
    assert np.isnat(choose(date(2009, 5, 4), 30, "AAPL"))


def test_the_fridays_of_a_stock_are_those_listed_on_apples_real_chain():
    """AAPL on 2014-06-06, as in `options/lean/AAPL_2014-06-06_quotes.csv.gz`."""
    assert listed_expiries("AAPL", date(2014, 6, 6)) == (
        date(2014, 6, 13),
        date(2014, 6, 20),
        date(2014, 6, 27),
        date(2014, 7, 3),
        date(2014, 7, 11),
        date(2014, 7, 18),
        date(2014, 7, 25),
    )


@pytest.mark.parametrize(
    ("file", "session"),
    [
        ("spy_eod/SPY_2015-01-05.csv.gz", date(2015, 1, 5)),
        ("lean/AAPL_2014-06-06_quotes.csv.gz", date(2014, 6, 6)),
        ("lean/GOOG_2015-12-24_quotes.csv.gz", date(2015, 12, 24)),
        ("yahoo/SPY_20201005T2014Z.csv.gz", date(2020, 10, 5)),
        ("yahoo/SPY_20260211T1619Z.csv.gz", date(2026, 2, 11)),
        ("yahoo/QQQ_20260212T1509Z.csv.gz", date(2026, 2, 12)),
        ("yahoo/NVDA_20260211T1630Z.csv.gz", date(2026, 2, 11)),
    ],
)
def test_every_assumed_expiry_is_listed_on_real_chains(reference_data, file, session):
    chain = read_chain_file(reference_data / "options" / file)
    symbols = chain["contract_symbol"]
    expiry = symbols.str.extract(r"(\d{6})[CP]\d{8}$", 1).str.to_date("%y%m%d")
    real = set(last_trading_days(expiry.fill_null(chain["expiry"])).to_list())
    named = set(listed_expiries(chain["ticker"][0], session))
    assert named <= real
    plan_window = {day for day in real if 14 <= (day - session).days <= 45}
    assert plan_window <= named


def test_the_nearest_expiry_is_chosen_and_the_later_one_wins_a_tie():
    assert choose(date(2014, 6, 2), 30, "AAPL") == np.datetime64("2014-07-03")  # 31 days
    # From Friday 2014-06-06 it is 21 days to 06-27 and 27 to 07-03; 24 is a tie.
    assert choose(date(2014, 6, 6), 24, "AAPL") == np.datetime64("2014-07-03")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(SESSIONS), min_size=1, max_size=30),
    st.integers(14, 45),
    st.randoms(use_true_random=False),
)
def test_the_chosen_expiry_is_listed_and_does_not_depend_on_the_other_rows(days, target, random):
    tickers = [random.choice(TICKERS) for _ in days]
    sessions_array = np.array(days, dtype="datetime64[D]")
    chosen = choose_expiries(sessions_array, np.full(len(days), target), 14, 45, tickers)
    for at, (day, ticker) in enumerate(zip(days, tickers, strict=True)):
        assert np.array_equal(chosen[at], choose(day, target, ticker), equal_nan=True)
        inside = [d for d in listed_expiries(ticker, day) if 14 <= (d - day).days <= 45]
        if np.isnat(chosen[at]):
            assert inside == []
        else:
            best = min(abs((d - day).days - target) for d in inside)
            assert chosen[at].astype(object) == max(
                d for d in inside if abs((d - day).days - target) == best
            )


def test_since_five_fridays_are_listed_every_session_has_an_expiry_to_choose():
    days = np.array([d for d in SESSIONS if d >= date(2012, 12, 3)], dtype="datetime64[D]")
    for ticker in TICKERS:
        chosen = choose_expiries(days, np.full(len(days), 30), 14, 45, [ticker] * len(days))
        assert not np.isnat(chosen).any()
        late = {closure.day for closure in unplanned_closures()}
        assert all(is_session(day) or day in late for day in chosen.tolist())


def test_no_listed_expiry_lies_on_a_day_that_was_known_to_be_closed():
    rows = [(s, d) for t in TICKERS for s in SESSIONS[::5] for d in listed_expiries(t, s)]
    listed = pl.DataFrame(rows, schema={"session": pl.Date, "expiry": pl.Date}, orient="row")
    last = last_trading_days(listed["expiry"], known_on=listed["session"])
    assert (last == listed["expiry"]).all()


@pytest.mark.parametrize(
    ("ticker", "closed", "moved_to", "before", "after"),
    [
        # The Wednesday weekly of 2018-12-05; the exchange announced the closure on Saturday 12-01.
        ("SPY", date(2018, 12, 5), date(2018, 12, 4), date(2018, 11, 30), date(2018, 12, 3)),
        ("SPY", date(2018, 12, 5), date(2018, 12, 4), date(2018, 11, 20), date(2018, 12, 3)),
    ],
)
def test_a_closure_moves_an_expiry_from_its_announcement_on(
    ticker, closed, moved_to, before, after
):
    assert closed in listed_expiries(ticker, before)
    assert moved_to not in listed_expiries(ticker, before)
    assert closed not in listed_expiries(ticker, after)
    assert moved_to in listed_expiries(ticker, after)


def test_a_plan_chooses_among_the_expiries_listed_on_its_session():
    assert choose(date(2018, 11, 20), 15, "SPY") == np.datetime64("2018-12-05")
    both = np.array([date(2018, 11, 20), date(2018, 12, 3)], dtype="datetime64[D]")
    alone = [choose(day.astype(object), 15, "SPY") for day in both]
    assert choose_expiries(both, np.full(2, 15), 14, 45, ["SPY"] * 2).tolist() == [
        day.astype(object) for day in alone
    ]


def test_the_last_trading_day_uses_the_calendar_known_on_the_session():
    days = pl.Series([date(2018, 12, 5)] * 3 + [date(2012, 10, 30)] * 2)
    known_on = pl.Series(
        [
            date(2018, 11, 30),
            date(2018, 12, 1),
            date(2018, 12, 6),
            date(2012, 10, 26),
            date(2012, 10, 28),
        ]
    )
    assert last_trading_days(days, known_on=known_on).to_list() == [
        date(2018, 12, 5),
        date(2018, 12, 4),
        date(2018, 12, 4),
        date(2012, 10, 30),
        date(2012, 10, 30),
    ]
    assert last_trading_days(days)[0] == date(2018, 12, 4)


def test_a_closure_from_the_settings_moves_expiries_from_its_announcement_on():
    closure = Closure(date(2027, 3, 19), date(2027, 3, 10))  # a third Friday
    try:
        set_closures([closure])
        assert not is_session(closure.day)
        assert sessions(date(2027, 3, 18), date(2027, 3, 22)) == [
            date(2027, 3, 18),
            date(2027, 3, 22),
        ]
        assert date(2027, 3, 19) in listed_expiries("AAPL", date(2027, 3, 9))
        assert date(2027, 3, 18) in listed_expiries("AAPL", date(2027, 3, 10))
        assert date(2027, 3, 19) not in listed_expiries("AAPL", date(2027, 3, 10))
    finally:
        set_closures([])
    assert is_session(closure.day)
    assert date(2027, 3, 19) in listed_expiries("AAPL", date(2027, 3, 10))


def test_no_expiry_is_listed_before_the_first_options_on_a_ticker():
    # Options on SPY began on six exchanges on Monday, 2005-01-10.
    assert listed_expiries("SPY", date(2005, 1, 7)) == ()
    assert listed_expiries("SPY", date(2005, 1, 10)) == (date(2005, 1, 21), date(2005, 2, 18))
    assert np.isnat(choose(date(2005, 1, 7), 30, "SPY"))
    assert choose(date(2005, 1, 10), 30, "SPY") == np.datetime64("2005-02-18")
    assert choose(date(2001, 1, 8), 30, "QQQ") == np.datetime64("2001-02-16")
