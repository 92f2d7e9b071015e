import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.pricing import CALL, PUT, black_scholes, implied_vol, strike_for_delta
from options_platform.errors import PricingError

PRICES = st.floats(20, 500)
VOLS = st.floats(0.05, 1.0)
YEARS = st.floats(0.02, 2.0)


def test_hulls_example():
    # Hull, Options, Futures, and Other Derivatives, section 15.9: call 4.76, put 0.81.
    args = (np.array([42.0]), np.array([40.0]), np.array([0.5]), np.array([0.2]), 0.10, 0.0)
    assert black_scholes(*args, np.array([CALL])).price[0] == pytest.approx(4.76, abs=5e-3)
    assert black_scholes(*args, np.array([PUT])).price[0] == pytest.approx(0.81, abs=5e-3)


def test_price_and_greeks_equal_quantlib():
    ql = pytest.importorskip("QuantLib")
    rate, dividend = 0.03, 0.015
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter, calendar = ql.Actual365Fixed(), ql.NullCalendar()
    for spot, strike, days, vol, right in [
        (100.0, 100.0, 30, 0.2, "call"),
        (100.0, 95.0, 45, 0.35, "put"),
        (450.0, 470.0, 14, 0.12, "call"),
        (42.0, 60.0, 365, 0.8, "put"),
        (380.0, 300.0, 21, 0.25, "put"),
    ]:
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, counter)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, rate, counter)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, calendar, vol, counter)),
        )
        kind = ql.Option.Call if right == "call" else ql.Option.Put
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(kind, strike), ql.EuropeanExercise(today + days)
        )
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
        found = black_scholes(
            np.array([spot]), np.array([strike]), np.array([days / 365]), np.array([vol]),
            rate, dividend, np.array([CALL if right == "call" else PUT]),
        )  # fmt: skip
        for got, wanted in [
            (found.price, option.NPV()),
            (found.delta, option.delta()),
            (found.gamma, option.gamma()),
            (found.theta, option.theta() / 365),
            (found.vega, option.vega() / 100),
        ]:
            assert got[0] == pytest.approx(wanted, abs=1e-10)


@given(spot=PRICES, strike=PRICES, years=YEARS, vol=VOLS)
@settings(deadline=None, max_examples=60)
def test_put_call_parity_and_bounds(spot, strike, years, vol):
    arrays = [np.array([value]) for value in (spot, strike, years, vol)]
    call = black_scholes(*arrays, 0.03, 0.015, np.array([CALL]))
    put = black_scholes(*arrays, 0.03, 0.015, np.array([PUT]))
    forward = spot * np.exp(-0.015 * years) - strike * np.exp(-0.03 * years)
    assert call.price - put.price == pytest.approx(forward, abs=1e-9)
    assert call.price[0] >= max(forward, 0.0) - 1e-9
    assert 0 <= call.delta[0] <= 1
    assert -1 <= put.delta[0] <= 0


@given(
    spot=PRICES, years=YEARS, vol=VOLS, delta=st.floats(0.05, 0.6), sign=st.sampled_from([1, -1])
)
@settings(deadline=None, max_examples=40)
def test_the_strike_for_a_delta_has_that_delta_and_its_price_that_volatility(
    spot, years, vol, delta, sign
):
    spot, years, vol = (np.array([value]) for value in (spot, years, vol))
    sign = np.array([float(sign)])
    strike = strike_for_delta(spot, np.array([delta]), years, vol, 0.03, 0.015, sign)
    found = black_scholes(spot, strike, years, vol, 0.03, 0.015, sign)
    assert abs(found.delta[0]) == pytest.approx(delta, abs=1e-9)
    if found.price[0] > 0.01:
        back = implied_vol(found.price, spot, strike, years, 0.03, 0.015, sign)
        assert back[0] == pytest.approx(vol[0], rel=1e-5)


def test_a_price_that_no_volatility_gives_has_none():
    one = np.array([100.0])
    assert np.isnan(implied_vol(np.array([200.0]), one, one, np.array([0.1]), 0, 0, np.array([1])))


def test_impossible_inputs_are_named():
    one = np.array([1.0])
    with pytest.raises(PricingError, match="spot"):
        black_scholes(np.array([-1.0]), one, one, one, 0.0, 0.0, one)
