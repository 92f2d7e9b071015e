"""Every listed strategy: its payoff has the sign, the bounds and the view that it declares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Leg, Strategy, max_loss, max_profit, payoff

PRICES = np.linspace(1, 200, 1991)  # every ten cents, strikes included
SEED_NAMES = {
    "bull_call_spread": ("debit", "bullish"),
    "bear_put_spread": ("debit", "bearish"),
    "bull_put_spread": ("credit", "bullish"),
    "bear_call_spread": ("credit", "bearish"),
    "iron_condor": ("credit", "neutral"),
}


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


def test_the_seeds_strategies_are_listed_with_their_kind_and_view():
    assert {name: (s.kind, s.bias) for name, s in STRATEGIES.items()} == SEED_NAMES


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_payoff_has_the_sign_of_its_kind(name):
    """What is bought for a debit is never worth less than nothing at expiry, nor a credit more."""
    value = payoff(*built(STRATEGIES[name]), PRICES)
    if STRATEGIES[name].kind == "debit":
        assert value.min() == 0
        assert value.max() == pytest.approx(10.0)
    else:
        assert value.max() == 0
        assert value.min() == pytest.approx(-10.0)


@pytest.mark.parametrize("name", STRATEGIES)
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
        assert value[0] == value[-1] == pytest.approx(-10.0)


@pytest.mark.parametrize("name", STRATEGIES)
@given(share=st.floats(0.01, 0.99), width=st.integers(1, 30), distance=st.integers(0, 20))
def test_maximum_loss_and_profit_are_those_of_the_payoff_on_a_grid(name, share, width, distance):
    strategy = STRATEGIES[name]
    net = width * share * (1 if strategy.kind == "debit" else -1)
    found = profit(strategy, net, distance=float(distance), width=float(width))
    widths = np.full((1, len(strategy.rights)), float(width))
    assert max_loss(strategy.kind, widths, np.array([net]))[0] == pytest.approx(-found.min())
    assert max_profit(strategy.kind, widths, np.array([net]))[0] == pytest.approx(found.max())


def test_a_condor_loses_at_most_its_wider_wing():
    """Wings of 5 and 10 for a credit of 2: only one side can be reached, the wider one costs 8."""
    condor = STRATEGIES["iron_condor"]
    sides, signs, strikes = built(condor)
    strikes[1] = 90.0  # the bought put, 5 below the sold one at 95
    found = payoff(sides, signs, strikes, PRICES) + 2.0
    assert max_loss("credit", np.array([[5.0, 10.0]]), np.array([-2.0]))[0] == 8.0
    assert found.min() == pytest.approx(-8.0)
    assert found[0] == pytest.approx(-3.0)
    assert max_profit("credit", np.array([[5.0, 10.0]]), np.array([-2.0]))[0] == 2.0


def test_hulls_bull_spread():
    """Hull, Options, Futures, and Other Derivatives, example 12.1: 30 and 35 for 3 less 1."""
    bull = STRATEGIES["bull_call_spread"]
    prices = np.array([25.0, 30.0, 33.0, 35.0, 40.0])
    found = profit(bull, 2.0, prices, distance=0.0, width=5.0, spot=30.0)
    assert found.tolist() == [-2.0, -2.0, 1.0, 3.0, 3.0]


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_right_has_one_anchor_and_one_wing(name):
    strategy = STRATEGIES[name]
    for right in strategy.rights:
        own = [leg for leg in strategy.legs if leg.right == right]
        assert sorted(leg.role for leg in own) == ["anchor", "wing"]
        assert {leg.side for leg in own} == {"buy", "sell"}
    assert len(strategy.legs) == 2 * len(strategy.rights)


@pytest.mark.parametrize(("kind", "side"), [("debit", "sell"), ("credit", "buy")])
def test_a_debit_that_sells_its_anchor_is_refused_when_declared(kind, side):
    other = "buy" if side == "sell" else "sell"
    legs = (Leg(side, "call", "anchor"), Leg(other, "call", "wing"))
    with pytest.raises(ValueError, match=f"a {kind} spread must {other} its anchors"):
        Strategy("wrong", kind, "bullish", legs)
