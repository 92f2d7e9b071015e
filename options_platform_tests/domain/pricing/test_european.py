import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.pricing import (
    CALL,
    PUT,
    black_scholes,
    european_price,
    intrinsic_value,
    probability_itm,
)
from options_platform.errors import PricingError
from options_platform_tests.domain.pricing.quantlib import VALUES, option

PRICES = st.floats(20, 500)
VOLS = st.floats(0.05, 1.0)
YEARS = st.floats(0.02, 2.0)
SIGNS = st.sampled_from([CALL, PUT])


def arrays(*values):
    return [np.array([float(value)]) for value in values]


def test_hulls_examples():
    # Hull, Options, Futures, and Other Derivatives, section 15.9: call 4.76, put 0.81.
    args = (*arrays(42, 40, 0.5, 0.2), 0.10, 0.0)
    assert black_scholes(*args, np.array([CALL])).price[0] == pytest.approx(4.76, abs=5e-3)
    assert black_scholes(*args, np.array([PUT])).price[0] == pytest.approx(0.81, abs=5e-3)
    # Example 17.1: a call on an index with a dividend yield, 51.83.
    index = black_scholes(*arrays(930, 900, 2 / 12, 0.2), 0.08, 0.03, np.array([CALL]))
    assert index.price[0] == pytest.approx(51.83, abs=5e-3)


def test_hulls_greeks():
    # Chapter 19: delta 0.522, gamma 0.066, theta -4.31 a year, vega 12.1 and rho 8.91 for 1.00.
    greeks = black_scholes(*arrays(49, 50, 0.3846, 0.2), 0.05, 0.0, np.array([CALL]))
    assert greeks.delta[0] == pytest.approx(0.522, abs=5e-4)
    assert greeks.gamma[0] == pytest.approx(0.066, abs=5e-4)
    assert greeks.theta[0] * 365 == pytest.approx(-4.31, abs=5e-3)
    assert greeks.vega[0] * 100 == pytest.approx(12.1, abs=5e-2)
    assert greeks.rho[0] * 100 == pytest.approx(8.91, abs=5e-3)


@pytest.mark.parametrize(
    ("spot", "strike", "days", "vol", "right"),
    [
        (100.0, 100.0, 30, 0.2, "call"),
        (100.0, 95.0, 45, 0.35, "put"),
        (450.0, 470.0, 14, 0.12, "call"),
        (42.0, 60.0, 365, 0.8, "put"),
        (380.0, 300.0, 21, 0.25, "put"),
        (690.0, 300.0, 1, 0.15, "call"),
    ],
)
def test_price_and_greeks_equal_quantlib(spot, strike, days, vol, right):
    wanted = option(
        spot, strike, days, vol, 0.03, 0.015, right, american=False,
        engine=lambda ql, process, _: ql.AnalyticEuropeanEngine(process),
    )  # fmt: skip
    greeks = black_scholes(*arrays(spot, strike, days / 365, vol), 0.03, 0.015, VALUES[right])
    for got, value in [
        (greeks.price, wanted.NPV()),
        (greeks.delta, wanted.delta()),
        (greeks.gamma, wanted.gamma()),
        (greeks.theta, wanted.theta() / 365),
        (greeks.vega, wanted.vega() / 100),
        (greeks.rho, wanted.rho() / 100),
    ]:
        assert got[0] == pytest.approx(value, abs=1e-10)


@given(spot=PRICES, moneyness=st.floats(0.8, 1.25), years=st.floats(0.1, 2), vol=VOLS, sign=SIGNS)
@settings(deadline=None, max_examples=60)
def test_second_order_greeks_are_slopes_of_first_order_greeks(spot, moneyness, years, vol, sign):
    def at(years, vol):
        return black_scholes(*arrays(spot, spot * moneyness, years, vol), 0.03, 0.015, sign)

    greeks, day, point = at(years, vol), 1e-2 / 365, 1e-4
    vol_up, vol_down = at(years, vol + point), at(years, vol - point)
    later, earlier = at(years - day, vol), at(years + day, vol)
    vanna = (vol_up.delta - vol_down.delta) / (2 * point) / 100
    vomma = (vol_up.vega - vol_down.vega) / (2 * point) / 100
    charm = (later.delta - earlier.delta) / (2 * day) / 365
    assert greeks.vanna == pytest.approx(vanna, rel=1e-3, abs=1e-7)
    assert greeks.vomma == pytest.approx(vomma, rel=1e-3, abs=1e-5 * spot / 100)
    assert greeks.charm == pytest.approx(charm, rel=1e-3, abs=1e-7)


@given(spot=PRICES, strike=PRICES, years=YEARS, vol=VOLS)
@settings(deadline=None, max_examples=60)
def test_put_call_parity_and_bounds(spot, strike, years, vol):
    inputs = arrays(spot, strike, years, vol)
    call = black_scholes(*inputs, 0.03, 0.015, np.array([CALL]))
    put = black_scholes(*inputs, 0.03, 0.015, np.array([PUT]))
    forward = spot * np.exp(-0.015 * years) - strike * np.exp(-0.03 * years)
    assert call.price - put.price == pytest.approx(forward, abs=1e-9)
    assert call.price[0] >= max(forward, 0.0) - 1e-9
    assert call.price[0] <= spot
    assert put.price[0] <= strike
    assert 0 <= call.delta[0] <= 1
    assert -1 <= put.delta[0] <= 0


@given(spot=PRICES, years=YEARS, vol=VOLS, sign=SIGNS)
@settings(deadline=None, max_examples=40)
def test_call_prices_fall_and_put_prices_rise_with_the_strike_and_both_are_convex(
    spot, years, vol, sign
):
    strikes = spot * np.linspace(0.5, 1.6, 60)
    price = european_price(spot, strikes, years, vol, 0.03, 0.015, sign)
    assert np.all(sign * np.diff(price) <= 1e-12)
    assert np.all(np.diff(price, 2) >= -1e-9)
    dearer = european_price(spot, strikes, years, vol * 1.1, 0.03, 0.015, sign)
    assert np.all(dearer >= price - 1e-12)


def test_the_probability_in_the_money_is_the_slope_of_the_price_by_the_strike():
    spot, strike, years, vol = 100.0, np.array([95.0]), 0.25, 0.3
    up = european_price(spot, strike + 1e-3, years, vol, 0.03, 0.01, PUT)
    down = european_price(spot, strike - 1e-3, years, vol, 0.03, 0.01, PUT)
    slope = np.exp(0.03 * years) * (up - down) / 2e-3
    assert probability_itm(spot, strike, years, vol, 0.03, 0.01, PUT) == pytest.approx(slope)


def test_a_row_is_the_same_bit_for_bit_in_any_batch():
    random = np.random.default_rng(3)
    count = 9001
    spot, years, vol = (random.uniform(*b, count) for b in ((20, 500), (0.01, 2), (0.05, 1)))
    strike, sign = spot * random.uniform(0.7, 1.4, count), random.choice([CALL, PUT], count)
    whole = black_scholes(spot, strike, years, vol, 0.03, 0.015, sign)
    for row in (0, 1, 4095, 4096, 9000):
        inputs = (values[row : row + 1] for values in (spot, strike, years, vol))
        alone = black_scholes(*inputs, 0.03, 0.015, sign[row : row + 1])
        for name in ("price", "delta", "gamma", "theta", "vega", "rho", "charm"):
            assert getattr(alone, name)[0] == getattr(whole, name)[row]
    assert np.array_equal(european_price(spot, strike, years, vol, 0.03, 0.015, sign), whole.price)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"spot": -1.0}, "spot"),
        ({"strike": 0.0}, "strike"),
        ({"years": 0.0}, "years"),  # at expiry the value is the intrinsic value
        ({"vol": 0.0}, "vol"),
        ({"vol": float("nan")}, "vol"),
        ({"spot": float("inf")}, "spot"),
    ],
)
def test_impossible_inputs_are_refused_by_name_never_priced_at_zero(changed, name):
    inputs = {"spot": 100.0, "strike": 100.0, "years": 0.1, "vol": 0.2} | changed
    with pytest.raises(PricingError, match=f"{name} must be positive.*row 0"):
        black_scholes(*arrays(*inputs.values()), 0.0, 0.0, np.array([1.0]))


def test_at_expiry_an_option_is_worth_what_exercising_pays():
    strikes = np.array([90.0, 100.0, 110.0])
    assert intrinsic_value(100.0, strikes, CALL).tolist() == [10.0, 0.0, 0.0]
    assert intrinsic_value(100.0, strikes, PUT).tolist() == [0.0, 0.0, 10.0]
