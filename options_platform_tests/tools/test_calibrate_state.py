"""One variable of the market that moves the smile, on markets that are not in the fit."""

from functools import cache

import numpy as np
import pytest

from tools.calibrate_state import CALM_MARKET, Trial, market_of, markets
from tools.calibration.fit import START

BY_TERM = Trial("rho", "VIX3M/VIX")


@pytest.fixture(scope="module")
def chains(reference_data):
    return markets(reference_data)


@pytest.fixture(scope="module")
def left_out(chains):
    return cache(lambda trial, market: trial.left_out(chains, market))


def test_the_calm_sessions_of_spxw_are_one_of_four_markets(chains):
    assert {market_of(chain) for chain in chains} == {"2015-01", CALM_MARKET, "2020-10", "2026-02"}
    assert all(chain.index < 0.2 for chain in chains if market_of(chain) == CALM_MARKET)


def test_a_market_that_is_left_out_does_not_move_its_own_fit(chains, left_out):
    others = [chain for chain in chains if market_of(chain) != "2020-10"]
    assert left_out(BY_TERM, "2020-10")["slope"] == pytest.approx(BY_TERM.fit(others)[-1])


def test_without_a_slope_the_state_is_nothing_and_with_one_the_skew_flattens():
    vector = np.append(START, 1.5)
    plain = Trial().smile(vector, 0.3)
    assert plain == Trial().smile(vector, -0.3)
    assert BY_TERM.smile(vector, 0.1).rho == pytest.approx(plain.rho + 0.15)


def test_the_far_wing_of_october_2020_is_nearer_with_the_skew_moved_by_the_term_structure(left_out):
    moved, plain = (left_out(trial, "2020-10") for trial in (BY_TERM, Trial()))
    assert moved["2-10"] < 0.6 * plain["2-10"]


def test_the_straddles_of_the_calm_market_are_further_off_with_it(left_out):
    moved, plain = (left_out(trial, CALM_MARKET) for trial in (BY_TERM, Trial()))
    assert moved["put spread .10/.03"] < plain["put spread .10/.03"]
    assert moved["straddle"] > plain["straddle"] + 5.0
