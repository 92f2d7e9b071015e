from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    SurfaceRules,
    TermStructure,
    Underlying,
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
DAY = date(2015, 1, 5)


def spy(index, spot=100.0, **term):
    """SPY at the close of `DAY`; a 30-day index each row, annualised fractions."""
    index = np.asarray(index, dtype=float)
    return Underlying.of("SPY", DAY, np.full(index.shape, spot), index, TermStructure(**term))


def test_on_the_flat_surface_every_volatility_is_the_index():
    flat = SurfaceRules.flat()
    strikes = np.linspace(60, 160, 40)
    for days in (1, 9, 30, 77, 400):
        years = np.array([days / DAYS_A_YEAR])
        vols = surface_iv(spy([0.2]), strikes, years, flat, carry=0.01)
        assert vols == pytest.approx(np.full(40, 0.2), rel=1e-12)


@given(atm=st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=30)
def test_the_index_for_an_at_the_money_volatility_reproduces_it(atm):
    index = index_for_atm("SPY", np.array([atm]), RULES.surface)
    assert atm_vol(spy(index), np.array([30 / 365]), RULES.surface) == pytest.approx(atm, rel=1e-4)


def test_quoted_indices_of_other_tenors_replace_the_estimated_ones():
    years, index = np.array([9, 30, 93, 182]) / DAYS_A_YEAR, np.full(4, 0.28)
    quoted = {"days_9": 0.235, "days_93": 0.313, "days_182": 0.322}
    term = {name: np.full(4, value) for name, value in quoted.items()}
    indices = index_at(spy(index, **term), years, RULES.surface)
    assert indices == pytest.approx([0.235, 0.28, 0.313, 0.322])
    partly = spy(index, days_9=np.full(4, 0.235))
    usual = index_at(spy(index), years, RULES.surface)
    assert index_at(partly, years, RULES.surface)[2:] == pytest.approx(usual[2:])


def test_the_term_structure_rises_in_calm_markets_and_falls_in_stressed_ones():
    years = np.array([9, 30, 93, 182]) / DAYS_A_YEAR
    calm, frightened = (index_at(spy(np.full(4, v)), years, RULES.surface) for v in (0.13, 0.5))
    assert np.all(np.diff(calm) > 0)
    assert np.all(np.diff(frightened) < 0)


def test_the_skew_is_typical_of_index_options():
    """SPY on 2015-01-05, VIX 19.92, 32 days: 20.9 for the 25-delta put, 13.6 for the call (vol
    points)."""
    underlying, years = spy([0.2] * 2, spot=500.0), np.array([30 / 365] * 2)
    sign = option_sign(np.array(["put", "call"]))
    strike = strike_nearest_delta(underlying, years, sign, np.array([0.25] * 2), RULES)
    put, call = surface_iv(underlying, strike, years, RULES.surface, carry=CARRY)
    # A year's average of SPY's chains; that session's own was steeper.
    assert put - call == pytest.approx(0.072, abs=0.02)
    assert strike[0] < 500 < strike[1]


def test_the_surface_is_centred_on_the_forward_and_never_below_its_floor():
    underlying, years = spy([0.2]), np.array([0.1])
    forward = underlying.spot * np.exp(CARRY * years)
    surface = RULES.surface
    at_forward = surface_iv(underlying, forward, years, surface, carry=CARRY)
    assert at_forward[0] == pytest.approx(atm_vol(underlying, years, surface)[0])
    low = surface_iv(spy([0.001]), forward, years, surface, carry=CARRY)
    assert low[0] == surface.lowest_iv


def test_a_shift_moves_the_smile_along_with_the_volatility_at_the_money():
    """One point less, and 8% less, at the money."""
    underlying, years = spy([0.2], spot=400.0), np.array([30 / 365])
    plain = atm_vol(underlying, years, SurfaceRules())
    assert atm_vol(underlying, years, SurfaceRules(iv_points=-1.0)) == pytest.approx(plain - 0.01)
    assert atm_vol(underlying, years, SurfaceRules(iv_scale=0.92)) == pytest.approx(plain * 0.92)
    strikes = np.array([340.0, 400.0, 430.0])
    low = surface_iv(underlying, strikes, years, SurfaceRules(iv_points=-1.0), carry=0.0)
    assert np.all(low < surface_iv(underlying, strikes, years, SurfaceRules(), carry=0.0))


def test_an_index_at_the_money_is_not_lowered_by_the_skew():
    """The index of a ticker's own stored chains is one at the money."""
    rules = SurfaceRules(at_the_money=("SPY",))
    years = np.array([30 / 365])
    assert atm_vol(spy([0.2]), years, rules) == pytest.approx([0.2], rel=1e-12)
    assert index_for_atm("SPY", np.array([0.2]), rules) == pytest.approx([0.2])
    other = Underlying.of("QQQ", DAY, np.array([100.0]), np.array([0.2]))
    assert atm_vol(other, years, rules)[0] < 0.18


def test_a_ticker_without_a_smile_has_that_of_its_class():
    rules = SurfaceRules()
    assert [rules.class_of(name) for name in ("SPY", "IWM", "MSFT", "NVDA", "")] == [
        "SPY", "fund", "stock", "NVDA", "stock",
    ]  # fmt: skip
    assert rules.smile_of("IWM") == rules.smiles["fund"]
    # The skew of a stock is flatter than that of an index.
    assert abs(rules.smile_of("MSFT").rho) < abs(rules.smile_of("IWM").rho)


@pytest.mark.parametrize(
    "changes", [{"smiles": {}}, {"term": ((0.0, 0.0),)}, {"iv_scale": 0.0}, {"lowest_iv": 0.0}]
)
def test_incomplete_rules_are_refused(changes):
    with pytest.raises(ValueError, match=r"smiles|iv_scale"):
        SurfaceRules(**changes)
