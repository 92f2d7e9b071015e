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
def test_the_price_of_a_volatility_gives_it_back(spot, moneyness, days, vol, sign):
    spot, strike, years = np.array([spot]), np.array([spot * moneyness]), np.array([days / 365])
    price = european_price(spot, strike, years, vol, RATE, DIVIDEND, sign)
    parity = spot * np.exp(-DIVIDEND * years) - strike * np.exp(-RATE * years)
    time_value = price - np.maximum(sign * parity, 0)
    # Near its ceiling a price in doubles no longer tells one volatility from another.
    room = np.where(sign > 0, spot * np.exp(-DIVIDEND * years), strike * np.exp(-RATE * years))
    if time_value[0] > 1e-4 * max(1.0, spot[0] / 100) and price[0] < 0.999 * room[0]:
        back = implied_vol(price, spot, strike, years, RATE, DIVIDEND, sign)
        assert back[0] == pytest.approx(vol, abs=1e-8)


def test_a_surface_of_listed_options_comes_back_within_1e_8():
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
def test_a_price_that_no_volatility_gives_has_none(price, sign):
    one = np.array([100.0])
    assert np.isnan(implied_vol(np.array([price]), one, one, np.array([0.1]), 0.0, 0.0, sign))


def test_a_price_below_the_discounted_intrinsic_value_has_no_volatility():
    found = implied_vol(np.array([19.9]), np.array([120.0]), np.array([100.0]), 0.1, 0.0, 0.0, CALL)
    assert np.isnan(found[0])


def test_an_option_at_expiry_has_no_implied_volatility():
    one = np.array([100.0])
    with pytest.raises(PricingError, match="years must be positive"):
        implied_vol(one, one, one, np.array([0.0]), 0.0, 0.0, CALL)
