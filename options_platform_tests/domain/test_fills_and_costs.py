from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain import fills
from options_platform.domain.chain import ChainRules
from options_platform.domain.costs import CostRules
from options_platform.domain.fills import FILL_MODELS, FillRules, MarketClose, net_price
from options_platform.domain.liquidity import LiquidityRules, illiquid
from options_platform.domain.orders import OrderLeg

BUY, SELL = np.array([1.0]), np.array([-1.0])
QUOTE = (np.array([1.00]), np.array([1.05]), np.array([1.10]))
DAY, EXPIRY = date(2024, 1, 2), date(2024, 2, 2)


def test_fills_worked_by_hand():
    assert FillRules("mid").leg_prices(BUY, *QUOTE) == pytest.approx([1.05])
    assert FillRules("default").leg_prices(BUY, *QUOTE) == pytest.approx([1.075])
    assert FillRules("default", 0.2).leg_prices(SELL, *QUOTE) == pytest.approx([1.04])
    assert FillRules("worst").leg_prices(SELL, *QUOTE) == pytest.approx([1.00])


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


def test_a_users_model_is_a_function_and_a_line(monkeypatch):
    def a_cent_worse(side, bid, mid, ask, slippage_share):
        return fills.toward_far_side(side, bid, mid, ask, 1.0) + 0.01 * side

    monkeypatch.setitem(FILL_MODELS, "a_cent_worse", a_cent_worse)
    assert FillRules("a_cent_worse").leg_prices(BUY, *QUOTE) == pytest.approx([1.11])
    legs = (OrderLeg("buy", "call", 250.0, EXPIRY), OrderLeg("sell", "call", 255.0, EXPIRY))
    close = MarketClose(250.0, 0.2)
    worst, worse = (
        net_price(legs, DAY, close, ChainRules(), FillRules(model))
        for model in ("worst", "a_cent_worse")
    )
    assert worse == pytest.approx(worst + 0.02)


def test_unknown_models_and_shares_are_refused():
    with pytest.raises(ValueError, match="must be one of mid, default, worst"):
        FillRules("best")
    with pytest.raises(ValueError, match="between 0"):
        FillRules(slippage_share=1.5)


def test_on_its_expiry_a_leg_is_worth_what_exercising_pays_and_the_other_goes_on():
    near, far = OrderLeg("sell", "call", 250.0, DAY), OrderLeg("buy", "call", 250.0, EXPIRY)
    close = MarketClose(253.0, 0.2)
    assert net_price((near,), DAY, close, ChainRules(), FillRules()) == -3.0
    both = net_price((near, far), DAY, close, ChainRules(), FillRules("mid"))
    alone = net_price((far,), DAY, close, ChainRules(), FillRules("mid"))
    assert both == pytest.approx(alone - 3.0)


def test_fees_hold_from_their_day_on():
    rules = CostRules(1.0, {"2019-10-01": 0.65, "2013-01-01": 0.75})
    days = np.array(["2012-12-31", "2013-01-01", "2019-09-30", "2019-10-01"], "datetime64[D]")
    assert rules.fees_on(days).tolist() == [1.0, 0.75, 0.75, 0.65]
    assert CostRules().fees_on(days).tolist() == [0.65] * 4
    with pytest.raises(ValueError, match="no date"):
        CostRules(changes={"soon": 0.5})


def test_liquidity_gates_worked_by_hand():
    sides = np.array([-1.0, 1.0])
    rules = LiquidityRules(min_bid_usd=0.05, max_width_share=0.3, min_open_interest=100.0)
    bid = np.array([[1.00, 0.40], [0.04, 0.01], [1.00, 0.40], [1.20, 0.40], [1.0, np.nan]])
    ask = np.array([[1.05, 0.45], [0.06, 0.02], [1.15, 0.55], [1.10, 0.45], [1.1, 0.45]])
    net = np.full(5, -0.6)
    # Good; bid too low; 0.30 of width on 0.60; crossed; no quote.
    assert illiquid(sides, bid, ask, net, rules).tolist() == [False, True, True, True, True]
    held = np.array([[500.0, 99.0]] + [[500.0, 500.0]] * 4)
    assert illiquid(sides, bid, ask, net, rules, open_interest=held)[0]
    unknown = np.full((5, 2), np.nan)
    assert not illiquid(sides, bid, ask, net, rules, open_interest=unknown)[0]
