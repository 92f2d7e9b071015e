from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import ChainRules
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.trading import fill_prices as fills
from options_platform.domain.trading.fill_prices import (
    AT_MID,
    FILL_MODELS,
    FillRules,
    MarketClose,
    net_price,
)
from options_platform.domain.trading.orders import OrderLeg, closing, multiplier_of, shares_leg

CHAIN = ChainRules()
DAY, NEAR, EXPIRY = date(2024, 1, 2), date(2024, 1, 19), date(2024, 2, 2)
MARKET = MarketClose(spot=100.0, implied_vol=0.2)
BUY, SELL = np.array([1.0]), np.array([-1.0])
QUOTE = (np.array([1.00]), np.array([1.05]), np.array([1.10]))
WORST = FillRules("worst")


def legs_of(strategy, ratio=1):
    found = []
    for leg in STRATEGIES[strategy].legs:
        away = 8.0 if leg.role == "wing" else 3.0
        strike = 100.0 + (away if leg.right == "call" else -away)
        expiry = NEAR if leg.role == "near" else EXPIRY
        found.append(OrderLeg(leg.side, leg.right, strike, expiry, ratio))
    return tuple(found)


def price(legs, rules, session=DAY, market=MARKET):
    return net_price(legs, session, market, CHAIN, rules)


def test_fills_worked_by_hand():
    assert FillRules("mid").leg_prices(BUY, *QUOTE) == pytest.approx([1.05])
    assert FillRules("default").leg_prices(BUY, *QUOTE) == pytest.approx([1.075])
    assert FillRules("default", 0.2).leg_prices(SELL, *QUOTE) == pytest.approx([1.04])
    assert FillRules("worst").leg_prices(SELL, *QUOTE) == pytest.approx([1.00])


def test_the_three_models_are_the_shares_that_they_stand_for():
    """From a mid of 0 to an ask of 1 the price of a purchase is the share."""
    quote = (np.array([-1.0]), np.array([0.0]), np.array([1.0]))
    shares = {name: FillRules(name, 0.3).leg_prices(BUY, *quote)[0] for name in FILL_MODELS}
    assert shares == {"mid": 0.0, "default": 0.3, "worst": 1.0}


def test_unknown_models_and_shares_are_refused():
    with pytest.raises(ValueError, match="must be one of mid, default, worst"):
        FillRules("best")
    with pytest.raises(ValueError, match="between 0"):
        FillRules(slippage_share=1.5)


@given(
    bid=st.floats(0, 50), width=st.floats(0, 5), share=st.floats(0, 1),
    side=st.sampled_from([1.0, -1.0]),
)  # fmt: skip
@settings(deadline=None)
def test_each_model_costs_at_least_as_much_as_the_one_before(bid, width, share, side):
    quote = (np.array([bid]), np.array([bid + width / 2]), np.array([bid + width]))
    costs = [
        side * FillRules(model, share).leg_prices(np.array([side]), *quote)[0]
        for model in FILL_MODELS
    ]
    assert costs == sorted(costs)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_bought_costs_and_what_is_sold_brings_money(strategy):
    for rules in (AT_MID, FillRules(slippage_share=0.5), WORST):
        assert (price(legs_of(strategy), rules) > 0) == (STRATEGIES[strategy].kind == "debit")


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
    slipped = FillRules(slippage_share=share)
    for legs in (legs_of(strategy), closing(legs_of(strategy))):
        best, middle, worst = (
            price(legs, rules, session, market) for rules in (AT_MID, slipped, WORST)
        )
        assert best <= middle + 1e-4
        assert middle <= worst + 1e-4
        # In and out at once never earns anything.
        back = price(closing(legs), slipped, session, market)
        assert middle + back >= -2e-4


@pytest.mark.parametrize(
    ("spot", "wanted"),
    [(95.0, 0.0), (103.0, 0.0), (105.5, 2.5), (108.0, 5.0), (130.0, 5.0)],
)
def test_on_the_day_of_expiry_a_spread_is_worth_what_exercise_pays(spot, wanted):
    market = MarketClose(spot, 0.5)
    for rules in (AT_MID, WORST):
        assert price(legs_of("bull_call_spread"), rules, EXPIRY, market) == wanted
    assert price(legs_of("bear_call_spread"), WORST, EXPIRY, market) == -wanted


def test_on_its_expiry_a_leg_is_worth_what_exercising_pays_and_the_other_goes_on():
    near, far = OrderLeg("sell", "call", 250.0, DAY), OrderLeg("buy", "call", 250.0, EXPIRY)
    close = MarketClose(253.0, 0.2)
    assert price((near,), FillRules(), market=close) == -3.0
    both, alone = (price(legs, AT_MID, market=close) for legs in ((near, far), (far,)))
    assert both == pytest.approx(alone - 3.0)


def test_a_ratio_multiplies_its_leg():
    single, double = legs_of("bull_put_spread"), legs_of("bull_put_spread", ratio=2)
    rules = FillRules(slippage_share=0.5)
    assert price(double, rules) == pytest.approx(2 * price(single, rules), abs=1e-4)


def test_a_users_model_is_a_function_and_a_line(monkeypatch):
    def a_cent_worse(side, bid, mid, ask, slippage_share):
        return fills.toward_far_side(side, bid, mid, ask, 1.0) + 0.01 * side

    monkeypatch.setitem(FILL_MODELS, "a_cent_worse", a_cent_worse)
    assert FillRules("a_cent_worse").leg_prices(BUY, *QUOTE) == pytest.approx([1.11])
    legs = legs_of("bull_call_spread")
    worst, worse = (price(legs, FillRules(model)) for model in ("worst", "a_cent_worse"))
    assert worse == pytest.approx(worst + 0.02)


def test_shares_alone_are_priced_by_the_share_and_beside_contracts_by_what_these_are_for():
    """The net price times the multiplier is what all of it is worth, to the cent."""
    market, short = MarketClose(spot=102.37, implied_vol=0.2), shares_leg("sell", 649)
    assert multiplier_of([short]) == 1
    assert price([short], AT_MID, market=market) == pytest.approx(-649 * 102.37, abs=1e-6)
    calls = legs_of("bull_call_spread", 8)[:1]
    both = (*calls, short)
    assert multiplier_of(both) == 100
    wanted = 100 * price(calls, AT_MID, market=market) - 649 * 102.37
    assert 100 * price(both, AT_MID, market=market) == pytest.approx(wanted, abs=0.005)
