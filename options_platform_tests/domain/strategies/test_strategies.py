"""Every listed strategy has the kind and the view written here, a plain one the payoff of both.

Plain are equal ratios with wings one width out. Strategies of any shape are tested in
`test_every_strategy.py`.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.pricing.payoff import payoff, payoff_range
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Leg, Strategy

PRICES = np.linspace(0, 200, 2001)  # every ten cents, strikes included
KINDS_AND_VIEWS = {
    "bull_call_spread": ("debit", "bullish"),
    "bear_put_spread": ("debit", "bearish"),
    "bull_put_spread": ("credit", "bullish"),
    "bear_call_spread": ("credit", "bearish"),
    "iron_condor": ("credit", "neutral"),
    "iron_butterfly": ("credit", "neutral"),
    "long_straddle": ("debit", "neutral"),
    "long_strangle": ("debit", "neutral"),
    "short_straddle": ("credit", "neutral"),
    "short_strangle": ("credit", "neutral"),
    "calendar": ("debit", "neutral"),
}
PLAIN = {
    name: strategy
    for name, strategy in STRATEGIES.items()
    if all(leg.ratio == 1 and leg.widths is None for leg in strategy.legs)
}
WINGED = [name for name, s in PLAIN.items() if any(leg.role == "wing" for leg in s.legs)]
ONE_EXPIRY = [name for name, s in PLAIN.items() if s.one_expiry]


def built(strategy, distance=5.0, width=10.0, spot=100.0):
    """Sides, signs and strikes: anchors `distance` out of the money, wings `width` further."""
    sides, signs, strikes = [], [], []
    for leg in strategy.legs:
        sign = 1.0 if leg.right == "call" else -1.0
        away = distance + (width if leg.role == "wing" else 0.0)
        sides.append(1.0 if leg.side == "buy" else -1.0)
        signs.append(sign)
        strikes.append(spot + sign * away)
    return np.array(sides), np.array(signs), np.array(strikes)


def profit(strategy, net_price, prices=PRICES, **where):
    return payoff(*built(strategy, **where), prices) - net_price


def test_the_strategies_are_listed_with_their_kind_and_view():
    assert {name: (s.kind, s.bias) for name, s in STRATEGIES.items()} == KINDS_AND_VIEWS


@pytest.mark.parametrize("name", ONE_EXPIRY)
def test_the_payoff_has_the_sign_of_its_kind(name):
    """What is bought for a debit is never worth less than nothing at expiry, nor a credit more."""
    value = payoff(*built(STRATEGIES[name]), PRICES)
    if STRATEGIES[name].kind == "debit":
        assert value.min() == 0
        assert value.max() == pytest.approx(10.0 if name in WINGED else 95.0)
    else:
        assert value.max() == 0
        assert value.min() == pytest.approx(-10.0 if name in WINGED else -95.0)


@pytest.mark.parametrize("name", ONE_EXPIRY)
def test_the_payoff_leans_the_way_of_its_view(name):
    value = payoff(*built(STRATEGIES[name]), PRICES)
    steps = np.diff(value)
    bias = STRATEGIES[name].bias
    if bias == "bullish":
        assert (steps >= -1e-9).all()
        assert value[-1] > value[0]
    elif bias == "bearish":
        assert (steps <= 1e-9).all()
        assert value[-1] < value[0]
    else:
        middle = (PRICES > 95) & (PRICES < 105)
        assert (value[middle] == 0).all()
        end = 10.0 if name in WINGED else 95.0
        sign = 1.0 if STRATEGIES[name].kind == "debit" else -1.0
        assert value[0] == value[-1] == pytest.approx(sign * end)


@pytest.mark.parametrize("name", WINGED)
@given(share=st.floats(0.01, 0.99), width=st.integers(1, 30), distance=st.integers(0, 20))
def test_maximum_loss_and_profit_are_those_of_the_payoff_on_a_grid(name, share, width, distance):
    strategy = STRATEGIES[name]
    net = width * share * (1 if strategy.kind == "debit" else -1)
    found = profit(strategy, net, distance=float(distance), width=float(width))
    sides, signs, strikes = built(strategy, float(distance), float(width))
    low, high = (float(end[0]) for end in payoff_range(sides, signs, strikes[None]))
    assert net - low == pytest.approx(-found.min())
    assert high - net == pytest.approx(found.max())


def test_a_condor_loses_at_most_its_wider_wing():
    """Wings of 5 and 10 for a credit of 2: only one side can be reached, the wider one costs 8."""
    condor = STRATEGIES["iron_condor"]
    sides, signs, strikes = built(condor)
    strikes[1] = 90.0  # the bought put, 5 below the sold one at 95
    found = payoff(sides, signs, strikes, PRICES) + 2.0
    low, high = payoff_range(sides, signs, strikes[None])
    assert (low[0], high[0]) == (-10.0, 0.0)
    assert found.min() == pytest.approx(-8.0)
    assert found[0] == pytest.approx(-3.0)


def test_hulls_bull_spread():
    """Hull, Options, Futures, and Other Derivatives, example 12.1: 30 and 35 for 3 less 1."""
    bull = STRATEGIES["bull_call_spread"]
    prices = np.array([25.0, 30.0, 33.0, 35.0, 40.0])
    found = profit(bull, 2.0, prices, distance=0.0, width=5.0, spot=30.0)
    assert found.tolist() == [-2.0, -2.0, 1.0, 3.0, 3.0]


@pytest.mark.parametrize("name", WINGED)
def test_each_right_has_one_anchor_and_one_wing(name):
    strategy = STRATEGIES[name]
    for right in strategy.rights:
        own = [leg for leg in strategy.legs if leg.right == right]
        assert sorted(leg.role for leg in own) == ["anchor", "wing"]
        assert {leg.side for leg in own} == {"buy", "sell"}
    assert len(strategy.legs) == 2 * len(strategy.rights)


@pytest.mark.parametrize("name", sorted(set(PLAIN) - set(WINGED)))
def test_a_strategy_without_wings_has_anchors_of_one_side_or_a_nearer_leg(name):
    strategy = STRATEGIES[name]
    anchors = [leg for leg in strategy.legs if leg.role == "anchor"]
    assert len(anchors) == len(strategy.rights)
    assert len({leg.side for leg in anchors}) == 1
    assert strategy.defined_risk == (strategy.kind == "debit")


@pytest.mark.parametrize(("kind", "side"), [("debit", "sell"), ("credit", "buy")])
def test_a_debit_that_sells_its_anchor_is_refused_when_declared(kind, side):
    other = "buy" if side == "sell" else "sell"
    legs = (Leg(side, "call", "anchor"), Leg(other, "call", "wing"))
    with pytest.raises(ValueError, match=f"a {kind} spread must {other} its anchors"):
        Strategy("wrong", kind, "bullish", legs)
