from datetime import date
from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.benchmarks import (
    Costs,
    index_levels,
    instants,
    put_write_growth,
    roll_periods,
)
from options_platform.domain.benchmarks.put_write import put_strike, puts_sold
from options_platform_tests.benchmark_history import FEBRUARY, FLAT, JANUARY, MARCH, spot_history

NORMAL = NormalDist().cdf


def put_price(spot, strike, years, vol):
    """Black-Scholes without interest, written out."""
    d1 = log(spot / strike) / (vol * sqrt(years)) + 0.5 * vol * sqrt(years)
    return strike * NORMAL(vol * sqrt(years) - d1) - spot * NORMAL(-d1)


def one_month(history, end_day, end_hour, costs=None):
    rolls = np.array([JANUARY], dtype="datetime64[D]")
    period = roll_periods(history, rolls, "open")
    end = instants(history, np.array([end_day], dtype="datetime64[D]"), end_hour)
    return float(put_write_growth(period, end, FLAT, costs or Costs())[0])


def test_the_strike_is_the_highest_listed_one_not_above_the_index():
    # Rolls that Cboe published: 2021-02-19 and 2021-04-16.
    spots = np.array([3926.93, 4178.75, 1000.0, 1004.99])
    assert put_strike(spots).tolist() == [3925.0, 4175.0, 1000.0, 1000.0]


def test_the_bills_cover_the_strike_of_every_put_at_expiry():
    number = puts_sold(np.array([100.0]), np.array([1000.0]), np.array([20.0]), np.array([0.998]))
    assert number == pytest.approx([100.0 / 978.0])
    bills = (100.0 + number * 20.0) / 0.998
    assert bills == pytest.approx(number * 1000.0)


def test_the_published_numbers_of_puts_hold_the_capital_that_the_strikes_need():
    # Cboe's rolls of 2021-02-19 and 2021-04-16: PUT and PWT follow one rule from two roll hours,
    # so the capital of each grew alike, up to the price at which March's puts were sold.
    growth = {}
    for name, (february, april) in {
        "PUT": ((0.540042673, 69.055735), (0.523745234, 67.777264)),
        "PWT": ((0.531938176, 68.739111), (0.515677968, 67.464167)),
    }.items():
        capital = [
            number * (strike * exp(-0.0003 * days / 365) - premium)
            for (number, premium), strike, days in ((february, 3925, 28), (april, 4175, 35))
        ]
        number = puts_sold(np.array(capital[0]), np.array(3925.0), np.array(february[1]),
                           np.array(exp(-0.0003 * 28 / 365)))  # fmt: skip
        assert number == pytest.approx(february[0])
        growth[name] = capital[1] / capital[0]
    assert growth["PUT"] == pytest.approx(growth["PWT"], abs=5e-4)


@pytest.mark.parametrize("settled", [950.0, 1000.0, 1200.0])
def test_a_month_earns_the_premium_less_what_the_put_settles_at(settled):
    premium = put_price(1003.0, 1000.0, 35 / 365, 0.2)
    history = spot_history(opens={FEBRUARY: settled})
    expected = (1000.0 - max(1000.0 - settled, 0.0)) / (1000.0 - premium)
    assert one_month(history, FEBRUARY, "open") == pytest.approx(expected)


def test_within_the_month_the_put_is_marked_at_the_surface():
    day = date(2015, 1, 30)
    premium = put_price(1003.0, 1000.0, 35 / 365, 0.2)
    mark = put_price(980.0, 1000.0, (21 - 6.5 / 24) / 365, 0.2)
    history = spot_history(closes={day: 980.0})
    expected = (1000.0 - mark) / (1000.0 - premium)
    assert one_month(history, day, "close") == pytest.approx(expected)


def test_a_seller_at_the_bid_earns_half_the_width_less():
    history = spot_history()
    middle, bid = (one_month(history, FEBRUARY, "open", Costs(width)) for width in (0.0, 0.01))
    premium = put_price(1003.0, 1000.0, 35 / 365, 0.2)
    vega = put_price(1003.0, 1000.0, 35 / 365, 0.205) - put_price(1003.0, 1000.0, 35 / 365, 0.195)
    assert middle == pytest.approx(1000.0 / (1000.0 - premium))
    assert bid == pytest.approx(1000.0 / (1000.0 - premium + 0.01 * 20.0 * vega), abs=1e-6)


def test_levels_compound_the_months_and_end_with_the_open_position():
    first, last = date(2014, 12, 31), date(2015, 3, 31)
    history = spot_history(opens={FEBRUARY: 970.0, MARCH: 1010.0}, closes={last: 990.0})
    level = index_levels(put_write_growth, history, [first, last], FLAT, hour="open")
    december = put_price(1003.0, 1000.0, 28 / 365, 0.2)
    at_year_end = (1000.0 - put_price(1003.0, 1000.0, (16 - 6.5 / 24) / 365, 0.2)) / (
        1000.0 - december
    )
    months = 1000.0 / (1000.0 - december)
    months *= 970.0 / (1000.0 - put_price(1003.0, 1000.0, 35 / 365, 0.2))
    months *= 970.0 / (970.0 - put_price(970.0, 970.0, 28 / 365, 0.2))
    april = put_price(1010.0, 1010.0, 28 / 365, 0.2)
    mark = put_price(990.0, 1010.0, (17 - 6.5 / 24) / 365, 0.2)
    months *= (1010.0 - mark) / (1010.0 - april)
    assert level == pytest.approx([1.0, months / at_year_end])


@given(settled=st.floats(1.0, 5000.0))
def test_capital_is_never_lost_whole_and_never_grows_by_more_than_the_premium(settled):
    growth = one_month(spot_history(opens={FEBRUARY: settled}), FEBRUARY, "open")
    premium = put_price(1003.0, 1000.0, 35 / 365, 0.2)
    assert 0.0 < growth <= 1000.0 / (1000.0 - premium) + 1e-12
