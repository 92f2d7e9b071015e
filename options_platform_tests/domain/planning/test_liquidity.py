import numpy as np

from options_platform.domain.planning.liquidity import (
    LiquidityRules,
    broken_gates,
    illiquid,
    unsound,
)


def test_liquidity_gates_worked_by_hand():
    sides = np.array([-1.0, 1.0])
    rules = LiquidityRules(min_bid_usd=0.05, max_width_share=0.3, min_open_interest=100.0)
    bid = np.array([[1.00, 0.40], [0.04, 0.01], [1.00, 0.40]])
    ask = np.array([[1.05, 0.45], [0.06, 0.02], [1.15, 0.55]])
    net = np.full(3, -0.6)
    # Good; bid too low; 0.30 of width on 0.60.
    assert illiquid(broken_gates(sides, bid, ask, net, rules)).tolist() == [False, True, True]
    held = np.array([[500.0, 99.0]] + [[500.0, 500.0]] * 2)
    assert illiquid(broken_gates(sides, bid, ask, net, rules, open_interest=held))[0]
    unknown = np.full((3, 2), np.nan)
    assert not illiquid(broken_gates(sides, bid, ask, net, rules, open_interest=unknown))[0]


def test_what_is_sold_needs_a_bid_even_where_none_is_asked_for():
    rules = LiquidityRules(min_bid_usd=0.0, max_width_share=9.0)
    bid, ask = np.array([[0.0, 0.0]]), np.array([[0.1, 0.1]])
    net = np.array([-0.6])
    assert illiquid(broken_gates(np.array([-1.0, 1.0]), bid, ask, net, rules)).tolist() == [True]
    assert illiquid(broken_gates(np.array([1.0, 1.0]), bid, ask, net, rules)).tolist() == [False]


def test_a_quote_that_is_crossed_or_missing_is_not_sound():
    bid = np.array([[1.00, 0.40], [1.20, 0.40], [1.0, np.nan]])
    ask = np.array([[1.05, 0.45], [1.10, 0.45], [1.1, 0.45]])
    assert unsound(bid, ask).tolist() == [False, True, True]
