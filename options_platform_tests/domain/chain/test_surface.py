import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    SurfaceRules,
    TermStructure,
    atm_vol,
    index_at,
    index_for_atm,
    option_sign,
    strike_nearest_delta,
    surface_iv,
)
from options_platform.domain.pricing import DAYS_A_YEAR

RULES = ChainRules()
CARRY = RULES.risk_free_rate - RULES.dividend_yield


def test_on_the_flat_surface_every_volatility_is_the_index():
    flat = SurfaceRules.flat()
    spot, strikes = np.array([100.0]), np.linspace(60, 160, 40)
    for days in (1, 9, 30, 77, 400):
        years = np.array([days / DAYS_A_YEAR])
        vols = surface_iv(spot, strikes, years, np.array([0.2]), flat, carry=0.01)
        assert vols == pytest.approx(np.full(40, 0.2), rel=1e-12)


@given(atm=st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=30)
def test_the_index_for_an_at_the_money_volatility_reproduces_it(atm):
    index = index_for_atm(np.array([atm]), RULES.surface)
    assert atm_vol(np.array([30 / 365]), index, RULES.surface) == pytest.approx(atm)


def test_quoted_indices_of_other_tenors_replace_the_estimated_ones():
    years, index = np.array([9, 30, 93, 182]) / DAYS_A_YEAR, np.full(4, 0.28)
    term = TermStructure(*(np.full(4, value) for value in (0.235, 0.313, 0.322)))
    indices = index_at(years, index, RULES.surface, term)
    assert indices == pytest.approx([0.235, 0.28, 0.313, 0.322])
    partly = TermStructure(days_9=np.full(4, 0.235))
    usual = index_at(years, index, RULES.surface)
    assert index_at(years, index, RULES.surface, partly)[2:] == pytest.approx(usual[2:])


def test_the_term_structure_rises_in_calm_markets_and_falls_in_stressed_ones():
    years = np.array([9, 30, 93, 182]) / DAYS_A_YEAR
    calm, frightened = (index_at(years, np.full(4, v), RULES.surface) for v in (0.13, 0.5))
    assert np.all(np.diff(calm) > 0)
    assert np.all(np.diff(frightened) < 0)


def test_the_skew_is_typical_of_index_options():
    """SPY on 2015-01-05, VIX 19.92, 32 days: 20.9 for the 25-delta put, 13.6 for the call (vol
    points)."""
    spot, years, index = np.array([500.0] * 2), np.array([30 / 365] * 2), np.array([0.2] * 2)
    sign = option_sign(np.array(["put", "call"]))
    strike = strike_nearest_delta(spot, years, index, sign, np.array([0.25] * 2), RULES)
    put, call = surface_iv(spot, strike, years, index, RULES.surface, carry=CARRY)
    assert put - call == pytest.approx(0.072, abs=0.01)
    assert strike[0] < 500 < strike[1]


def test_the_surface_is_centred_on_the_forward_and_never_below_its_floor():
    spot, years, index = np.array([100.0]), np.array([0.1]), np.array([0.2])
    forward = spot * np.exp(CARRY * years)
    surface = RULES.surface
    at_forward = surface_iv(spot, forward, years, index, surface, carry=CARRY)
    assert at_forward[0] == pytest.approx(atm_vol(years, index, surface)[0])
    low = surface_iv(spot, forward, years, np.array([0.001]), surface, carry=CARRY)
    assert low[0] == surface.lowest_iv
