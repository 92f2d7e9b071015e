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
    option_sign,
    quote,
    strike_nearest_delta,
    surface_iv,
)
from options_platform.domain.pricing import DAYS_A_YEAR, black_scholes

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


@pytest.mark.parametrize("ticker", ["SPY", "NVDA"])
def test_a_shift_moves_every_strike_alike(ticker):
    """One point less is one point less for the two-delta put as well; so is 8%."""
    underlying = Underlying.of(ticker, DAY, np.array(100.0), np.array(0.18))
    strikes, years = np.linspace(75.0, 112.0, 60), np.array(30 / 365)

    def vols(**changes):
        return surface_iv(underlying, strikes, years, SurfaceRules(**changes), carry=0.0)

    plain, atm = vols(), atm_vol(underlying, years, SurfaceRules())
    assert vols(iv_points=-1.0) == pytest.approx(plain - 0.01, abs=1e-12)
    assert vols(iv_scale=0.92) == pytest.approx(plain * 0.92, abs=1e-12)
    both = SurfaceRules(iv_points=2.0, iv_scale=1.1)
    assert vols(iv_points=2.0, iv_scale=1.1) == pytest.approx(plain * 1.1 + 0.02, abs=1e-12)
    assert atm_vol(underlying, years, both) == pytest.approx(atm * 1.1 + 0.02, abs=1e-12)


@pytest.mark.parametrize("index", [0.10, 0.12, 0.16, 0.20, 0.30])
@pytest.mark.parametrize(("short", "long", "lost"), [(0.16, 0.05, 0.155), (0.10, 0.03, 0.213)])
def test_eight_percent_less_volatility_costs_a_put_spread_what_it_costs_every_strike(
    index, short, long, lost
):
    """The credit of 30 days, the same strikes: priced from the plain volatilities times 0.92."""
    years, sign = np.full(2, 30 / 365), option_sign(np.array(["put", "put"]))
    underlying = spy([index, index])
    fine = np.linspace(50.0, 100.0, 20_001)
    vols = surface_iv(spy([index]), fine, years[:1], SurfaceRules(), carry=0.0)
    delta = black_scholes(np.full_like(fine, 100.0), fine, years[0], vols, 0.0, 0.0, sign[0]).delta
    strikes = np.array([fine[np.argmin(np.abs(delta + wanted))] for wanted in (short, long)])

    def credit(rules):
        own = surface_iv(underlying, strikes, years, rules, carry=0.0)
        prices = black_scholes(np.full(2, 100.0), strikes, years, own, 0.0, 0.0, sign).price
        return prices[0] - prices[1]

    less = 1.0 - credit(SurfaceRules(iv_scale=0.92)) / credit(SurfaceRules())
    assert less == pytest.approx(lost, abs=0.012)


def test_a_shift_stops_at_a_small_positive_volatility():
    rules, years = SurfaceRules(iv_points=-30.0), np.array([30 / 365])
    strikes = np.linspace(70.0, 130.0, 61)
    plain = surface_iv(spy([0.2]), strikes, years, SurfaceRules(), carry=0.0)
    low = surface_iv(spy([0.2]), strikes, years, rules, carry=0.0)
    assert np.all(low >= 0.03)
    assert np.all(low <= plain)
    quotes = quote(spy([0.2] * 61), strikes, np.full(61, years[0]), np.full(61, -1.0),
                   ChainRules(surface=rules))  # fmt: skip
    assert np.isfinite(quotes.greeks.price).all()


ANY_INDEX = st.floats(0.06, 0.9)
ANY_TERM = st.fixed_dictionaries(
    {name: st.floats(0.6, 1.6) for name in ("days_9", "days_93", "days_182")}
)


def moved_slice(index, ratios, days, deviations, rules):
    """k and the volatilities of one expiry, at k in standard deviations of the volatility."""
    term = {name: np.array(index * ratio) for name, ratio in ratios.items()}
    underlying, years = spy(index, **term), np.array(days / DAYS_A_YEAR)
    k = deviations * atm_vol(underlying, years, SurfaceRules()) * np.sqrt(years)
    return k, surface_iv(underlying, 100.0 * np.exp(k), years, rules, carry=0.0)


@given(index=ANY_INDEX, ratios=ANY_TERM, points=st.floats(-2.0, 0.0), scale=st.floats(0.5, 1.0))
@settings(deadline=None, max_examples=60)
def test_a_shift_breaks_the_calendar_by_no_more_than_the_points_times_the_volatility(
    index, ratios, points, scale
):
    """w = (s v + d)^2 T with v^2 T rising: dw/dT >= -|d| (s v + d)."""
    rules = SurfaceRules(iv_points=points, iv_scale=scale)
    term = {name: np.array([[index * ratio]]) for name, ratio in ratios.items()}
    days = np.array([1, 3, 7, 9, 12, 20, 29, 30, 31, 45, 60, 92, 93, 120, 181, 182, 365.0])[:, None]
    years, strikes = days / DAYS_A_YEAR, 100.0 * np.exp(np.linspace(-0.6, 0.3, 61))[None, :]
    vols = surface_iv(spy([[index]], **term), strikes, years, rules, carry=0.0)
    plain = surface_iv(spy([[index]], **term), strikes, years, SurfaceRules(), carry=0.0)
    rise = np.diff(vols**2 * years, axis=0)
    # Without the shift no total variance falls, so v sqrt(T) at the end bounds v before it.
    highest = plain[1:] * np.sqrt(years[1:] / years[:-1])
    most = -points / 100.0 * highest * np.diff(years, axis=0)
    assert np.all(rise >= -most - 1e-10)
    if points == 0:
        assert rise.min() >= -1e-10


@given(
    index=ANY_INDEX,
    ratios=ANY_TERM,
    days=st.floats(3, 180),
    moved=st.sampled_from([(0.0, 0.92), (0.0, 0.5), (-1.0, 1.0)]),
)
@settings(deadline=None, max_examples=60)
def test_a_shift_down_leaves_no_butterfly_below_zero(index, ratios, days, moved):
    """Durrleman's function of the moved slice, above the floor."""
    points, scale = moved
    rules = SurfaceRules(iv_points=points, iv_scale=scale, lowest_iv=1e-3)
    deviations = np.linspace(-9.0, 6.0, 3001)
    k, vols = moved_slice(index, ratios, days, deviations, rules)
    total = vols**2 * days / DAYS_A_YEAR
    step = k[1] - k[0]
    slope, bend = (total[2:] - total[:-2]) / (2 * step), np.diff(total, 2) / step**2
    inner, at = total[1:-1], k[1:-1]
    g = (1 - at * slope / (2 * inner)) ** 2 - slope**2 / 4 * (1 / inner + 0.25) + bend / 2
    assert g.min() > -1e-4


def test_an_index_at_the_money_is_not_lowered_by_the_skew():
    """The index of a ticker's own stored chains is one at the money."""
    rules = SurfaceRules(at_the_money=("SPY",))
    years = np.array([30 / 365])
    assert atm_vol(spy([0.2]), years, rules) == pytest.approx([0.2], rel=1e-12)
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
