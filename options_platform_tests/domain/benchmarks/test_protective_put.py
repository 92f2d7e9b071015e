from math import log, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from options_platform.domain.benchmarks import (
    Costs,
    instants,
    protective_put_growth,
    roll_periods,
)
from options_platform.domain.benchmarks.protective_put import protective_strike
from options_platform_tests.benchmark_history import FEBRUARY, FLAT, JANUARY, spot_history

NORMAL = NormalDist().cdf
SPOT, STRIKE, YEARS, VOL = 1003.0, 950.0, 35 / 365, 0.2
D1 = log(SPOT / STRIKE) / (VOL * sqrt(YEARS)) + 0.5 * VOL * sqrt(YEARS)
PREMIUM = STRIKE * NORMAL(VOL * sqrt(YEARS) - D1) - SPOT * NORMAL(-D1)


def growth_to(settled, opens=None, hour="open"):
    history = spot_history(opens={FEBRUARY: settled, **(opens or {})})
    rolls, end = (np.array([day], dtype="datetime64[D]") for day in (JANUARY, FEBRUARY))
    period = roll_periods(history, rolls, hour)
    return float(
        protective_put_growth(period, instants(history, end, "open"), FLAT, Costs())[0]
    )  # fmt: skip


def test_the_strike_is_the_highest_listed_one_not_above_95_percent_of_the_index():
    assert protective_strike(np.array([1003.0, 1000.0, 1005.2])).tolist() == [950.0, 950.0, 950.0]


@pytest.mark.parametrize("settled", [800.0, 950.0, 1003.0, 1100.0])
def test_a_month_earns_the_index_and_the_put_on_what_both_cost(settled):
    expected = (settled + max(STRIKE - settled, 0.0)) / (SPOT + PREMIUM)
    assert growth_to(settled) == pytest.approx(expected)


def test_from_the_open_of_the_roll_until_the_put_is_bought_capital_is_in_the_index():
    # Open at 1000, close at 1003: bought at midday, 1001.5, after a gain of 0.15%.
    from_open = growth_to(1100.0, opens={JANUARY: 1000.0}, hour="midday")
    midday = 1001.5
    years = (35 - 3.25 / 24) / 365
    d1 = log(midday / STRIKE) / (VOL * sqrt(years)) + 0.5 * VOL * sqrt(years)
    premium = STRIKE * NORMAL(VOL * sqrt(years) - d1) - midday * NORMAL(-d1)
    assert from_open == pytest.approx(midday / 1000.0 * 1100.0 / (midday + premium))
