"""Trades of a report, from the plan to the exit, at prices worked out by hand."""

import pytest

from options_platform.domain.backtest import run_backtest
from options_platform.domain.planning.plan import build_plans
from options_platform_tests.domain.backtest.report_market import (
    ANCHOR,
    BACK,
    FRONT,
    PLANNED,
    REACTION,
    Quotes,
    backtest_rules,
    plan_rules,
    row,
    stock_market,
)

# Legs, the price at the mids of the anchor's close (credit negative), the value at the far side of
# the reaction's quotes, and the profit after 0.50 USD a contract and side. The condor, for one:
# sold for .70 + .70 - .10 - .10 = 1.20; closed by buying at .04 and .42 and selling at .01 twice,
# .44; (1.20 - .44) x 100 - 4 x 2 x .50 = 72.00.
BY_HAND = {
    "earnings_iron_condor": (
        [("sell", "put", 95), ("buy", "put", 90), ("sell", "call", 105), ("buy", "call", 110)],
        -1.20, -0.44, 72.00,
    ),
    "earnings_iron_butterfly": (
        [("sell", "put", 100), ("buy", "put", 92.5), ("sell", "call", 100), ("buy", "call", 107.5)],
        -4.40, -3.56, 80.00,
    ),
    "earnings_calendar": ([("buy", "call", 100), ("sell", "call", 100)], 2.50, 3.00, 48.00),
    "earnings_short_straddle": ([("sell", "put", 100), ("sell", "call", 100)], -5.00, -3.65, 133.0),
    "earnings_short_strangle": ([("sell", "put", 95), ("sell", "call", 105)], -1.40, -0.46, 92.00),
    "earnings_long_straddle": ([("buy", "put", 100), ("buy", "call", 100)], 5.00, 3.51, -151.00),
    "earnings_long_strangle": ([("buy", "put", 97.5), ("buy", "call", 102.5)], 2.80, 1.37, -145.0),
}  # fmt: skip


def traded(rules, inputs=None, known=None):
    made = stock_market(known)
    plans, legs = build_plans(row() if inputs is None else inputs, rules, Quotes().chain)
    return plans, legs, run_backtest(plans, legs, made, backtest_rules(rules))


@pytest.mark.parametrize("strategy", BY_HAND)
def test_a_report_is_traded_from_entry_to_exit_to_the_cent(strategy):
    expected, price, value, profit = BY_HAND[strategy]
    inputs = row(ratio=0.7 if "long" in strategy else 1.3)
    plans, legs, result = traded(plan_rules(strategy), inputs)
    assert plans.select("strategy", "decision", "chain_source").row(0) == (
        strategy,
        "trade",
        "real",
    )
    assert legs.sort("leg").select("side", "right", "strike").rows() == expected
    ends = [BACK, FRONT] if strategy == "earnings_calendar" else [FRONT] * len(expected)
    assert legs.sort("leg")["expiry"].to_list() == ends
    trade = result.trades.row(0, named=True)
    assert (trade["planned_on"], trade["opened_on"]) == (PLANNED, ANCHOR)
    assert (trade["closed_on"], trade["exit_reason"]) == (REACTION, "REPORT_OUT")
    assert trade["entry_price"] == pytest.approx(price, abs=1e-9)
    assert trade["exit_price"] == pytest.approx(value, abs=1e-9)
    assert trade["pnl_usd"] == pytest.approx(profit, abs=1e-9)
    assert result.sources["chain_source"].to_list() == ["real"]
