from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import ChainRules
from options_platform.domain.fills import FILL_MODELS, FillRules, MarketClose, net_price
from options_platform.domain.orders import OrderLeg, closing
from options_platform.domain.strategies import STRATEGIES

CHAIN = ChainRules()
DAY, EXPIRY = date(2024, 1, 2), date(2024, 2, 2)
MARKET = MarketClose(spot=100.0, implied_vol=0.2)


def legs_of(strategy, expiry=EXPIRY, ratio=1):
    found = []
    for leg in STRATEGIES[strategy].legs:
        away = 3.0 if leg.role == "anchor" else 8.0
        strike = 100.0 + (away if leg.right == "call" else -away)
        found.append(OrderLeg(leg.side, leg.right, strike, expiry, ratio))
    return tuple(found)


def price(legs, share, session=DAY, market=MARKET):
    return net_price(legs, session, market, CHAIN, share)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_bought_costs_and_what_is_sold_brings_money(strategy):
    for share in (0.0, 0.5, 1.0):
        assert (price(legs_of(strategy), share) > 0) == (STRATEGIES[strategy].kind == "debit")


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(
    spot=st.floats(60, 160),
    vol=st.floats(0.08, 0.9),
    share=st.floats(0, 1),
    days=st.integers(1, 45),
)
@settings(deadline=None, max_examples=40)
def test_the_mid_is_the_best_fill_the_far_side_the_worst_both_in_and_out(
    strategy, spot, vol, share, days
):
    market = MarketClose(spot, vol)
    session = EXPIRY - timedelta(days=days)
    for legs in (legs_of(strategy), closing(legs_of(strategy))):
        best, middle, worst = (price(legs, s, session, market) for s in (0.0, share, 1.0))
        assert best <= middle + 1e-4
        assert middle <= worst + 1e-4
        # In and out at once never earns anything.
        back = price(closing(legs), share, session, market)
        assert middle + back >= -2e-4


def test_the_three_models_are_the_shares_that_they_stand_for():
    shares = {name: FillRules(model=name, slippage_share=0.3).share for name in FILL_MODELS}
    assert shares == {"mid": 0.0, "default": 0.3, "worst": 1.0}
    with pytest.raises(ValueError, match="mid, default, worst"):
        FillRules(model="best")


@pytest.mark.parametrize(
    ("spot", "wanted"),
    [(95.0, 0.0), (103.0, 0.0), (105.5, 2.5), (108.0, 5.0), (130.0, 5.0)],
)
def test_on_the_day_of_expiry_a_spread_is_worth_what_exercise_pays(spot, wanted):
    market = MarketClose(spot, 0.5)
    for share in (0.0, 1.0):
        assert price(legs_of("bull_call_spread"), share, EXPIRY, market) == wanted
    assert price(legs_of("bear_call_spread"), 1.0, EXPIRY, market) == -wanted


def test_a_ratio_multiplies_its_leg():
    single, double = legs_of("bull_put_spread"), legs_of("bull_put_spread", ratio=2)
    assert price(double, 0.5) == pytest.approx(2 * price(single, 0.5), abs=1e-4)
