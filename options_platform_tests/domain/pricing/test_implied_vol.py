import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.pricing import CALL, PUT, european_price, implied_vol
from options_platform.errors import PricingError

RATE, DIVIDEND = 0.03, 0.015


@given(
    spot=st.floats(5, 5000),
    moneyness=st.floats(0.3, 3.0),
    days=st.floats(0.1, 1000),
    vol=st.floats(0.02, 3.0),
    sign=st.sampled_from([CALL, PUT]),
)
@settings(deadline=None, max_examples=500)
def test_the_implied_volatility_of_a_price_is_the_volatility_that_produced_it(
    spot, moneyness, days, vol, sign
):
    spot, strike, years = np.array([spot]), np.array([spot * moneyness]), np.array([days / 365])
    price = european_price(spot, strike, years, vol, RATE, DIVIDEND, sign)
    parity = spot * np.exp(-DIVIDEND * years) - strike * np.exp(-RATE * years)
    time_value = price - np.maximum(sign * parity, 0)
    # Near its upper bound, a price in double precision does not determine the volatility.
    room = np.where(sign > 0, spot * np.exp(-DIVIDEND * years), strike * np.exp(-RATE * years))
    if time_value[0] > 1e-4 * max(1.0, spot[0] / 100) and price[0] < 0.999 * room[0]:
        back = implied_vol(price, spot, strike, years, RATE, DIVIDEND, sign)
        assert back[0] == pytest.approx(vol, abs=1e-8)


def test_the_volatilities_of_listed_options_are_recovered_within_1e_8():
    spot = 400.0
    strike = np.arange(200.0, 601.0, 5.0)[:, None, None, None]
    years = (np.array([1, 3, 7, 14, 30, 60, 90, 365]) / 365)[None, :, None, None]
    vol = np.array([0.05, 0.1, 0.15, 0.3, 0.6, 1.2])[None, None, :, None]
    sign = np.array([CALL, PUT])
    price = european_price(spot, strike, years, vol, RATE, DIVIDEND, sign)
    parity = spot * np.exp(-DIVIDEND * years) - strike * np.exp(-RATE * years)
    clear = price - np.maximum(sign * parity, 0) > 1e-4
    back = implied_vol(price, spot, strike, years, RATE, DIVIDEND, sign)
    error = np.abs(back - vol)[clear]
    assert clear.mean() > 0.4
    assert error.max() < 1e-8


@pytest.mark.parametrize("minutes", [1, 10, 30, 60, 390])
@pytest.mark.parametrize("vol", [0.05, 0.16, 0.6])
def test_an_option_minutes_before_expiry_has_an_implied_volatility(minutes, vol):
    """Half an hour at a volatility of 16% is a standard deviation of 0.0012."""
    spot, years = 450.0, minutes / (365 * 24 * 60)
    strike = spot * np.exp(np.linspace(-3, 3, 61) * vol * np.sqrt(years))
    for sign in (CALL, PUT):
        price = european_price(spot, strike, np.array(years), vol, RATE, DIVIDEND, sign)
        back = implied_vol(price, spot, strike, np.array(years), RATE, DIVIDEND, sign)
        assert back == pytest.approx(np.full(61, vol), rel=1e-6)


def test_twenty_thousand_random_and_extreme_options_are_right_or_null_by_quantlib():
    """Deviations (vol x sqrt(T)) from 1e-7 to 6, strikes up to nine deviations to either side."""
    ql = pytest.importorskip("QuantLib")
    rng, count = np.random.default_rng(4), 20_000
    forward = 10 ** rng.uniform(0, 4, count)
    deviation = 10 ** rng.uniform(-7, 0.8, count)
    far = rng.normal(0, 3, count)
    far[::5], far[1::7] = 0.0, rng.normal(0, 1e-3, len(far[1::7]))
    strike = forward * np.exp(far * deviation)
    years = 10 ** rng.uniform(-6, 1.3, count)
    sign = np.where(rng.random(count) < 0.5, CALL, PUT)
    kinds = [ql.Option.Call if option_sign > 0 else ql.Option.Put for option_sign in sign]

    def prices(deviations):
        rows = zip(kinds, strike, forward, deviations, strict=True)
        return np.array([ql.blackFormula(kind, k, f, float(s)) for kind, k, f, s in rows])

    price = prices(deviation)
    back = implied_vol(price, forward, strike, years, 0.0, 0.0, sign) * np.sqrt(years)
    null = np.isnan(back)
    assert np.abs(back / deviation - 1)[~null].max() < 1e-6
    # Null only where volatilities differ in no more than the last digits of the price.
    distinguishable = prices(deviation * 1.0001) - price > 1e-10 * np.maximum(forward, strike)
    assert not (null & distinguishable).any()
    assert (~null).mean() > 0.85


@pytest.mark.parametrize(
    ("price", "sign"),
    [
        (200.0, CALL),  # dearer than the share
        (100.0, PUT),  # dearer than the strike can ever pay
        (0.0, CALL),
        (-1.0, PUT),
        (float("nan"), CALL),
    ],
)
def test_a_price_outside_the_bounds_has_no_implied_volatility(price, sign):
    hundred = np.array([100.0])
    assert np.isnan(
        implied_vol(np.array([price]), hundred, hundred, np.array([0.1]), 0.0, 0.0, sign)
    )


def test_a_price_below_the_discounted_intrinsic_value_has_no_volatility():
    vol = implied_vol(np.array([19.9]), np.array([120.0]), np.array([100.0]), 0.1, 0.0, 0.0, CALL)
    assert np.isnan(vol[0])


def test_an_option_at_expiry_has_no_implied_volatility():
    hundred = np.array([100.0])
    with pytest.raises(PricingError, match="years must be positive"):
        implied_vol(hundred, hundred, hundred, np.array([0.0]), 0.0, 0.0, CALL)
