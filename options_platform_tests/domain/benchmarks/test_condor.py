from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.benchmarks import Costs, condor_growth, instants, roll_periods
from options_platform.domain.benchmarks.condor import condor_strikes, condors_sold
from options_platform_tests.benchmark_history import FEBRUARY, FLAT, JANUARY, spot_history

YEARS, VOL, SPOT = 35 / 365, 0.2, 1003.0
NORMAL = NormalDist()


def price(strike, sign):
    """Black-Scholes without interest, written out; `sign` is +1 for a call."""
    d1 = log(SPOT / strike) / (VOL * sqrt(YEARS)) + 0.5 * VOL * sqrt(YEARS)
    d2 = d1 - VOL * sqrt(YEARS)
    return sign * (SPOT * NORMAL.cdf(sign * d1) - strike * NORMAL.cdf(sign * d2))


def strike_of(delta, sign):
    """The strike whose delta has the given size, from the inverse normal, on the grid of 5."""
    d1 = sign * NORMAL.inv_cdf(delta)
    exact = SPOT * exp(0.5 * VOL * VOL * YEARS - d1 * VOL * sqrt(YEARS))
    return 5.0 * round(exact / 5.0)


SHORT_PUT, LONG_PUT = strike_of(0.20, -1), strike_of(0.05, -1)
SHORT_CALL, LONG_CALL = strike_of(0.20, 1), strike_of(0.05, 1)


def january(history):
    return roll_periods(history, np.array([JANUARY], dtype="datetime64[D]"), "open")


def growth_to(settled, costs=None):
    history = spot_history(opens={FEBRUARY: settled})
    end = instants(history, np.array([FEBRUARY], dtype="datetime64[D]"), "open")
    return float(condor_growth(january(history), end, FLAT, costs or Costs())[0])


def test_deltas_of_20_are_sold_and_deltas_of_5_are_bought():
    period = january(spot_history())
    strikes = condor_strikes(period.start, period.expiry, FLAT)
    assert strikes.tolist() == [[SHORT_PUT, LONG_PUT, SHORT_CALL, LONG_CALL]]
    assert LONG_PUT < SHORT_PUT < SPOT < SHORT_CALL < LONG_CALL


def test_the_bills_are_ten_times_the_wider_wing_at_expiry():
    number = condors_sold(np.array(1.0), np.array(60.0), np.array(9.0), np.array(0.998))
    assert (1.0 + number * 9.0) / 0.998 == pytest.approx(number * 600.0)


@pytest.mark.parametrize(
    ("settled", "lost"),
    [
        (SPOT, 0.0),
        (SHORT_PUT - 20.0, 20.0),
        (500.0, SHORT_PUT - LONG_PUT),
        (SHORT_CALL + 5.0, 5.0),
        (2000.0, LONG_CALL - SHORT_CALL),
    ],
)
def test_a_month_earns_the_credit_less_what_the_spreads_settle_at(settled, lost):
    credit = price(SHORT_PUT, -1) - price(LONG_PUT, -1) + price(SHORT_CALL, 1) - price(LONG_CALL, 1)
    wing = max(SHORT_PUT - LONG_PUT, LONG_CALL - SHORT_CALL)
    expected = 1.0 + (credit - lost) / (10.0 * wing - credit)
    assert growth_to(settled) == pytest.approx(expected)


@given(settled=st.floats(1.0, 5000.0))
def test_a_month_loses_at_most_a_tenth(settled):
    assert growth_to(settled) >= 0.9


def test_at_spx_quotes_a_condor_earns_less():
    assert growth_to(SPOT, Costs(0.01)) < growth_to(SPOT)
