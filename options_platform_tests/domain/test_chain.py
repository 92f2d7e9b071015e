import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    option_sign,
    quote,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    surface_iv,
    years_of,
)
from options_platform.domain.pricing import black_scholes

RULES = ChainRules()
SPOTS = st.floats(5, 3000)
VOLS = st.floats(0.08, 0.9)
DAYS = st.integers(14, 45)
SIGNS = st.sampled_from([1.0, -1.0])


def arrays(*values):
    return [np.array([float(value)]) for value in values]


@pytest.mark.parametrize(
    ("spot", "step"), [(5.0, 0.5), (25.0, 0.5), (25.01, 1.0), (450.0, 1.0), (5000.0, 5.0)]
)
def test_listed_strikes_stand_as_far_apart_as_the_price_says(spot, step):
    assert strike_step(np.array([spot]))[0] == step


@given(st.floats(0.01, 6000), SPOTS)
def test_a_snapped_strike_is_listed_and_no_other_is_nearer(strike, spot):
    step = strike_step(np.array([spot]))
    found = snap_strike(np.array([strike]), step)
    assert found[0] >= step[0]
    assert (found / step)[0] == round((found / step)[0])
    assert abs(found - strike)[0] <= max(step[0] / 2, step[0] - strike) + 1e-9


@given(SPOTS, DAYS, VOLS, SIGNS, st.floats(0.15, 0.55))
@example(950.0, 45, 0.9, -1.0, 0.45)  # in the money, since volatility is so high
@settings(deadline=None, max_examples=200)
def test_no_listed_strike_has_a_nearer_delta(spot, days, atm, sign, delta):
    """Against all listed strikes from a fifth to five times the price, one by one."""
    years = years_of(np.array([days]))
    (spots, atms, signs, deltas) = arrays(spot, atm, sign, delta)
    found = strike_nearest_delta(spots, years, atms, signs, deltas, RULES)
    step = strike_step(spots)[0]
    every = np.arange(max(1, np.ceil(0.2 * spot / step)), np.ceil(5 * spot / step)) * step

    def off(strikes):
        iv = surface_iv(spots, strikes, years, atms, RULES)
        args = (RULES.risk_free_rate, RULES.dividend_yield, signs)
        return np.abs(np.abs(black_scholes(spots, strikes, years, iv, *args).delta) - delta)

    assert off(found)[0] <= off(every).min() + 1e-12


@given(st.lists(st.tuples(SPOTS, DAYS, VOLS, SIGNS, st.floats(0.15, 0.45)), min_size=2, max_size=6))
@settings(deadline=None)
def test_a_strike_does_not_depend_on_the_rows_beside_it(rows):
    spot, days, atm, sign, delta = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    years = years_of(days.astype(np.int64))
    together = strike_nearest_delta(spot, years, atm, sign, delta, RULES)
    for n in range(len(rows)):
        one = slice(n, n + 1)
        alone = strike_nearest_delta(spot[one], years[one], atm[one], sign[one], delta[one], RULES)
        assert alone[0] == together[n]


@given(SPOTS, st.floats(0.7, 1.4), DAYS, VOLS, SIGNS)
@settings(deadline=None)
def test_quotes_are_whole_cents_around_the_model_price(spot, moneyness, days, atm, sign):
    (spots, strikes, atms, signs) = arrays(spot, spot * moneyness, atm, sign)
    found = quote(spots, strikes, years_of(np.array([days])), atms, signs, RULES)
    price, bid, mid, ask = (
        part[0] for part in (found.greeks.price, found.bid, found.mid, found.ask)
    )
    assert 0 <= bid <= mid <= ask
    assert ask > bid
    assert bid <= price <= ask
    assert mid == 0.5 * (bid + ask)
    for side in (bid, ask):
        assert side == pytest.approx(round(side, 2), abs=1e-12)
    # Each side is at least half the floor away from the price, unless there is nothing to bid.
    assert ask - price >= 0.5 * RULES.width_floor - 1e-6
    assert bid == 0 or price - bid >= 0.5 * RULES.width_floor - 1e-6


def test_the_skew_is_the_ordinary_one_of_index_options():
    """At 20 points the 25-delta put is some 2.5 points above the 25-delta call."""
    spot, years, atm = np.array([500.0] * 2), np.array([30 / 365] * 2), np.array([0.2] * 2)
    sign = option_sign(np.array(["put", "call"]))
    strike = strike_nearest_delta(spot, years, atm, sign, np.array([0.25] * 2), RULES)
    put, call = surface_iv(spot, strike, years, atm, RULES)
    assert put - call == pytest.approx(0.025, abs=0.01)
    assert strike[0] < 500 < strike[1]


def test_the_surface_is_at_the_money_where_the_forward_is_and_never_below_its_floor():
    spot, years, atm = arrays(100, 0.1, 0.2)
    forward = spot * np.exp((RULES.risk_free_rate - RULES.dividend_yield) * years)
    assert surface_iv(spot, forward, years, atm, RULES)[0] == pytest.approx(0.2)
    assert surface_iv(spot, forward, years, np.array([0.001]), RULES)[0] == RULES.lowest_iv


def test_a_year_has_365_days():
    assert years_of(np.array([0, 73, 365])).tolist() == [0.0, 0.2, 1.0]
