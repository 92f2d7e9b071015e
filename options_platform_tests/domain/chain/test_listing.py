from datetime import date

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    Underlying,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    surface_iv,
    years_of,
)
from options_platform.domain.pricing import black_scholes

RULES = ChainRules()
CARRY = RULES.risk_free_rate - RULES.dividend_yield
SPOTS = st.floats(5, 3000)
VOLS = st.floats(0.08, 0.9)
DAYS = st.integers(14, 45)
SIGNS = st.sampled_from([1.0, -1.0])


def spy(spot, index=0.2):
    spot = np.atleast_1d(np.asarray(spot, dtype=float))
    return Underlying.of("SPY", date(2024, 1, 2), spot, np.broadcast_to(index, spot.shape))


def arrays(*values):
    return [np.array([float(value)]) for value in values]


@pytest.mark.parametrize(
    ("spot", "step"), [(5.0, 0.5), (25.0, 0.5), (25.01, 1.0), (450.0, 1.0), (5000.0, 5.0)]
)
def test_the_distance_of_listed_strikes_depends_on_the_price(spot, step):
    assert strike_step(spy(spot))[0] == step


@given(st.floats(0.01, 6000), SPOTS)
def test_a_snapped_strike_is_the_nearest_listed_strike(strike, spot):
    step = strike_step(spy(spot))
    snapped = snap_strike(np.array([strike]), step)
    assert snapped[0] >= step[0]
    assert (snapped / step)[0] == round((snapped / step)[0])
    assert abs(snapped - strike)[0] <= max(step[0] / 2, step[0] - strike) + 1e-9


@given(SPOTS, DAYS, VOLS, SIGNS, st.floats(0.15, 0.55))
@example(950.0, 45, 0.9, -1.0, 0.45)  # in the money, since volatility is so high
@settings(deadline=None, max_examples=200)
def test_no_listed_strike_has_a_nearer_delta(spot, days, index, sign, delta):
    """Compared with every listed strike from a fifth of the price to five times the price."""
    years = years_of(np.array([days]))
    spots, signs, deltas = arrays(spot, sign, delta)
    underlying = spy(spot, index)
    chosen = strike_nearest_delta(underlying, years, signs, deltas, RULES)
    step = strike_step(underlying)[0]
    every = np.arange(max(1, np.ceil(0.2 * spot / step)), np.ceil(5 * spot / step)) * step

    def off(strikes):
        iv = surface_iv(underlying, strikes, years, RULES.surface, carry=CARRY)
        args = (RULES.risk_free_rate, RULES.dividend_yield, signs)
        return np.abs(np.abs(black_scholes(spots, strikes, years, iv, *args).delta) - delta)

    assert off(chosen)[0] <= off(every).min() + 1e-12


@given(st.lists(st.tuples(SPOTS, DAYS, VOLS, SIGNS, st.floats(0.15, 0.45)), min_size=2, max_size=6))
@settings(deadline=None)
def test_a_strike_does_not_depend_on_the_other_rows(rows):
    spot, days, index, sign, delta = (
        np.array(part, dtype=float) for part in zip(*rows, strict=True)
    )
    years, underlying = years_of(days.astype(np.int64)), spy(spot, index)
    together = strike_nearest_delta(underlying, years, sign, delta, RULES)
    for n in range(len(rows)):
        single_row = slice(n, n + 1)
        alone = strike_nearest_delta(
            underlying.at(single_row),
            years[single_row],
            sign[single_row],
            delta[single_row],
            RULES,
        )
        assert alone[0] == together[n]
