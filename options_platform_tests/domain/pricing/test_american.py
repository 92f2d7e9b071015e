import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.pricing import (
    CALL,
    PUT,
    american_price,
    european_price,
    lattice_price,
)
from options_platform.errors import PricingError
from options_platform_tests.domain.pricing.quantlib import VALUES, option

STEPS = 801
CASES = [
    (100.0, 100.0, 60, 0.30, 0.05, 0.02, "put"),
    (100.0, 120.0, 90, 0.40, 0.08, 0.00, "put"),
    (100.0, 90.0, 90, 0.25, 0.03, 0.06, "call"),
    (100.0, 200.0, 80, 1.10, 0.05, 0.00, "put"),
    (100.0, 105.0, 45, 0.20, 0.00, 0.04, "call"),
    (400.0, 420.0, 14, 0.15, 0.05, 0.015, "put"),
    (400.0, 300.0, 30, 0.18, 0.01, 0.02, "call"),
    (50.0, 50.0, 1, 0.80, 0.05, 0.01, "put"),
]


@pytest.mark.parametrize("case", CASES)
def test_prices_equal_quantlibs_lattice(case):
    spot, strike, days, vol, rate, dividend, right = case
    wanted = option(
        *case, american=True,
        engine=lambda ql, process, _: ql.BinomialVanillaEngine(process, "lr", STEPS),
    ).NPV()  # fmt: skip
    inputs = (np.array([spot]), strike, days / 365, vol, rate, dividend, VALUES[right])
    assert lattice_price(*inputs, steps=STEPS)[0] == pytest.approx(wanted, abs=1e-7)
    assert american_price(*inputs)[0] == pytest.approx(wanted, abs=1e-3 * spot)


def test_the_approximation_is_within_a_thousandth_of_the_spot_up_to_90_days():
    random = np.random.default_rng(11)
    count = 1500
    spot = random.uniform(20, 500, count)
    strike = spot * np.exp(random.normal(0, 0.2, count))
    years = random.integers(1, 91, count) / 365
    vol, sign = random.uniform(0.08, 1.2, count), random.choice([CALL, PUT], count)
    for rate, dividend in [(0.03, 0.015), (0.05, 0.0), (0.0, 0.03), (0.08, 0.02), (-0.005, 0.01)]:
        prices = american_price(spot, strike, years, vol, rate, dividend, sign)
        wanted = lattice_price(spot, strike, years, vol, rate, dividend, sign, steps=101)
        assert np.max(np.abs(prices - wanted) / spot) < 1e-3


@given(
    spot=st.floats(20, 500), moneyness=st.floats(0.6, 1.6), days=st.floats(1, 365),
    vol=st.floats(0.05, 1.5), rate=st.floats(-0.01, 0.1), dividend=st.floats(0, 0.1),
    sign=st.sampled_from([CALL, PUT]),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_an_american_price_is_never_below_the_european_price_or_the_intrinsic_value(
    spot, moneyness, days, vol, rate, dividend, sign
):
    inputs = (np.array([spot]), spot * moneyness, days / 365, vol, rate, dividend, sign)
    price = american_price(*inputs)[0]
    assert price >= european_price(*inputs)[0]
    assert price >= sign * (spot - spot * moneyness) - 1e-9  # rounding
    assert price <= (spot if sign > 0 else spot * moneyness) * max(1.0, np.exp(-rate * days / 365))
    if (sign > 0 and dividend == 0 and rate >= 0) or (sign < 0 and rate <= 0):
        assert price == european_price(*inputs)[0]


def test_hulls_american_put():
    # Hull, section 21.1: 4.283 with 500 steps of his lattice.
    inputs = (np.array([50.0]), 50.0, 5 / 12, 0.4, 0.10, 0.0, PUT)
    assert lattice_price(*inputs, steps=501)[0] == pytest.approx(4.283, abs=2e-3)
    assert american_price(*inputs)[0] == pytest.approx(4.283, abs=2e-2)


def test_hulls_european_call_with_two_dividends():
    # Hull, example 15.9: 3.67; dividends of 0.50 in two and in five months.
    price = lattice_price(
        np.array([40.0]), 40.0, 0.5, 0.3, 0.09, 0.0, CALL,
        american=False, steps=801, dividends=((2 / 12, 0.5), (5 / 12, 0.5)),
    )  # fmt: skip
    assert price[0] == pytest.approx(3.67, abs=5e-3)


@pytest.mark.parametrize(("strike", "right"), [(90.0, "call"), (100.0, "call"), (105.0, "put")])
def test_discrete_dividends_equal_quantlibs_escrowed_model(strike, right):
    dividends = ((20 / 365, 1.5), (70 / 365, 2.0))

    def engine(ql, process, today):
        days = [today + round(at * 365) for at, _ in dividends]
        amounts = [amount for _, amount in dividends]
        schedule = ql.DividendVector(days, amounts)
        model = ql.FdBlackScholesVanillaEngine.Escrowed
        scheme = ql.FdmSchemeDesc.Douglas()
        return ql.FdBlackScholesVanillaEngine(
            process, schedule, 800, 800, 0, scheme, False, -1.0, model
        )

    wanted = option(100.0, strike, 80, 0.25, 0.04, 0.0, right, american=True, engine=engine).NPV()
    price = lattice_price(
        np.array([100.0]), strike, 80 / 365, 0.25, 0.04, 0.0, VALUES[right],
        steps=801, dividends=dividends,
    )  # fmt: skip
    assert price[0] == pytest.approx(wanted, abs=5e-3)


def test_a_call_is_exercised_early_only_for_a_dividend():
    inputs = (np.array([100.0]), 80.0, 30 / 365, 0.2, 0.01, 0.0, CALL)
    plain = lattice_price(*inputs, american=False)
    assert lattice_price(*inputs) == pytest.approx(plain, abs=1e-9)
    paid = {"dividends": ((29 / 365, 3.0),)}
    assert lattice_price(*inputs, **paid) > lattice_price(*inputs, american=False, **paid) + 1.0


def test_far_strikes_are_priced_and_impossible_inputs_are_refused_by_name():
    far = lattice_price(np.array([90.0, 90.0]), np.array([40.0, 40.0]), 3 / 365, 0.05, 0.03, 0.0,
                        np.array([PUT, CALL]))  # fmt: skip
    assert far[0] == pytest.approx(0.0, abs=1e-9)
    assert far[1] == pytest.approx(50.0, abs=0.02)
    with pytest.raises(PricingError, match="spot_less_dividends"):
        lattice_price(np.array([1.0]), 1.0, 1.0, 0.2, 0.0, 0.0, CALL, dividends=((0.5, 2.0),))
    with pytest.raises(PricingError, match="odd number of steps"):
        lattice_price(np.array([1.0]), 1.0, 1.0, 0.2, 0.0, 0.0, CALL, steps=100)
    with pytest.raises(PricingError, match="vol must be positive"):
        american_price(np.array([1.0]), 1.0, 1.0, 0.0, 0.0, 0.0, CALL)
