"""Trades of a report, from the plan to the exit, at prices worked out by hand."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.domain.backtest import run_backtest
from options_platform.domain.earnings.blackout import Known, ReportAhead
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.report_trades.choice import PRICE_INPUTS
from options_platform.domain.planning.rule_trace import rule_trace
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.trading.report_caps import TakenTrade, report_cap_refusals
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


@pytest.mark.parametrize(
    ("strategy", "leaves", "closed_on", "reason"),
    [
        ("earnings_iron_condor", "next_open", REACTION, "REPORT_AT_OPEN"),
        # What is short is left one session after the reaction, which is its expiry here.
        ("earnings_short_straddle", "expiry", FRONT, "REPORT_OUT"),
        ("earnings_long_straddle", "expiry", REACTION, "EXPIRY_NEAR"),
    ],
)
def test_a_position_leaves_as_its_exit_says(strategy, leaves, closed_on, reason):
    rules = plan_rules(strategy, exit=leaves)
    plans, legs = build_plans(row(ratio=0.7 if "long" in strategy else 1.3), rules, Quotes().chain)
    expiry = backtest_rules(rules).expiry
    hold = replace(expiry, hold_to_expiry=reason == "REPORT_OUT")
    rules_held = replace(backtest_rules(rules), expiry=hold)
    (trade,) = run_backtest(plans, legs, stock_market(), rules_held).trades.iter_rows(named=True)
    assert (trade["closed_on"], trade["exit_reason"]) == (closed_on, reason)


def test_a_report_that_moves_beyond_the_expiry_leaves_the_position_without_its_reason():
    near = Known(ReportAhead(ANCHOR, "confirmed", ANCHOR), is_dated=True)
    later = Known(ReportAhead(date(2024, 1, 24), "confirmed", date(2024, 1, 24)), is_dated=True)
    # Entered two sessions early; the date moves after the entry has filled.
    rules = plan_rules(entry_sessions=2)
    day = date(2024, 1, 5)
    made = stock_market([near if session < date(2024, 1, 9) else later
                         for session in stock_market().sessions])  # fmt: skip
    plans, legs = build_plans(
        row(date=day), rules, lambda _, ticker: Quotes().chain(PLANNED, ticker)
    )
    assert plans["decision"].to_list() == ["trade"]
    (trade,) = run_backtest(plans, legs, made, backtest_rules(rules)).trades.iter_rows(named=True)
    assert (trade["opened_on"], trade["closed_on"]) == (date(2024, 1, 8), ANCHOR)
    assert trade["exit_reason"] == "REPORT_MOVED"


def test_a_plan_reads_no_quote_of_after_its_session():
    asked = []

    def chain_of(day, ticker):
        asked.append(day)
        return Quotes().chain(day, ticker)

    build_plans(row(), plan_rules(), chain_of)
    assert set(asked) == {PLANNED}


CHAINS = Quotes().chain


def refused(inputs, rules=None, chain_of=CHAINS):
    plans, _ = build_plans(inputs, rules or plan_rules(), chain_of)
    return plans["reasons"].item().to_list()


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        (row(ratio=1.0), "NO_EDGE_EARNINGS"),
        (row(ratio=None), "EARNINGS_NOT_PRICED"),
        (row(known=Known(ReportAhead(ANCHOR, "estimated", ANCHOR), is_dated=True)),
         "EARNINGS_UNCONFIRMED"),
    ],
)  # fmt: skip
def test_the_session_of_a_report_trades_it_or_nothing(inputs, code):
    assert refused(inputs) == [code]
    trace = rule_trace(inputs, build_plans(inputs, plan_rules(), Quotes().chain)[0], plan_rules())
    outcome = dict(trace.select("rule", "outcome").iter_rows())
    assert outcome[code] == "refused"
    assert outcome["NO_EDGE"] == outcome["BAD_QUOTE"] == "not_reached"


def test_other_strategies_of_the_same_session_stay_in_the_blackout():
    assert refused(row(), replace(plan_rules(), earnings_trades=EarningsTradeRules())) == [
        "EARNINGS_BLACKOUT"
    ]
    reasons = ["EARNINGS_SELL", "EARNINGS_RESEARCH"]
    assert refused(row()) == reasons
    proven = replace(plan_rules().earnings_trades, proven=("earnings_iron_condor",))
    assert refused(row(), replace(plan_rules(), earnings_trades=proven)) == ["EARNINGS_SELL"]


def test_off_they_change_no_plan_and_on_none_of_another_session():
    off = replace(plan_rules(), earnings_trades=EarningsTradeRules())
    plain = row().drop(*PRICE_INPUTS)
    assert build_plans(plain, off)[0].equals(build_plans(row(), off)[0])
    other = row(date=date(2024, 1, 8))
    assert build_plans(other, plan_rules())[0].equals(build_plans(other, off)[0])


def test_prices_of_the_model_are_taken_only_where_the_inputs_have_them_and_are_named():
    assert refused(row(ratio=None), chain_of=None) == ["EARNINGS_NOT_PRICED"]
    modelled = refused(row(), chain_of=None)
    assert modelled == ["EARNINGS_SELL", "EARNINGS_RESEARCH", "EARNINGS_MODELLED"]


@pytest.mark.parametrize(
    # A condor risks 384 USD: a quarter of 2% of the account, or one contract of half of that.
    ("account_usd", "contracts"), [(1e6, 10), (240_000, 3), (100_000, 1), (40_000, 1), (38_000, 0)],
)  # fmt: skip
def test_a_trade_takes_a_quarter_of_the_budget_whatever_regime_and_confidence(
    account_usd, contracts
):
    sizing = SizingRules(account_value_usd=account_usd)
    for changes in ({"regime": "low_vol"}, {"regime": "high_vol", "confidence": 0.0}):
        inputs = row(**changes)
        plans, _ = build_plans(inputs, replace(plan_rules(), sizing=sizing), Quotes().chain)
        assert plans["contracts"].item() == contracts


def test_capital_without_a_bound_is_the_margin_or_the_loss_at_three_implied_moves():
    plans, _ = build_plans(row(), plan_rules("earnings_short_straddle"), Quotes().chain)
    # At 115 the call is worth its 15 USD, the put next to nothing: less than the margin of 20.
    assert plans["max_loss_usd"].item() == pytest.approx(2_000.0 + 2.0)
    wide = plan_rules("earnings_short_straddle", undefined_moves=8.0)
    plans, _ = build_plans(row(), wide, Quotes().chain)
    assert plans["max_loss_usd"].item() == pytest.approx((40.0 - 5.0) * 100 + 2.0, abs=6.0)
    with pytest.raises(ValueError, match=r"plan\.allow_undefined_risk=true"):
        replace(
            plan_rules("earnings_short_straddle"), allow_undefined_risk=False
        ).require_tradable()


def caps(entry, *taken):
    rules, sizing = EarningsTradeRules(enabled=True), SizingRules()
    broken = report_cap_refusals("earnings_iron_condor", entry, taken, 1e5, sizing, rules)
    return [check.code for check in broken]


def test_reports_of_one_evening_and_of_one_week_are_capped():
    # The budget of a trade is 2,000 USD: 1,000 an evening, 2,000 and three trades a week.
    monday, tuesday = date(2024, 1, 5), date(2024, 1, 8)
    assert caps(TakenTrade(monday, 1_000.0)) == []
    assert caps(TakenTrade(monday, 1_000.5)) == ["MAX_EARNINGS_ANCHOR"]
    assert caps(TakenTrade(monday, 600.0), TakenTrade(monday, 500.0)) == ["MAX_EARNINGS_ANCHOR"]
    both = TakenTrade(tuesday, 700.0), TakenTrade(date(2024, 1, 9), 700.0)
    assert caps(TakenTrade(monday, 700.0), *both) == ["MAX_EARNINGS_WEEK"]
    three = [TakenTrade(tuesday, 100.0)] * 3
    assert caps(TakenTrade(monday, 100.0), *three) == ["MAX_EARNINGS_TRADES"]
    # A plan of that Friday is for the next week's Monday; the week before has its own.
    assert caps(TakenTrade(date(2024, 1, 4), 100.0), *three) == []
    assert report_cap_refusals(
        "iron_condor", TakenTrade(monday, 9e9), [], 1e5, SizingRules(), EarningsTradeRules()
    ) == []  # fmt: skip


def test_an_earnings_strategy_is_chosen_by_these_rules_alone():
    from options_platform.domain.planning.selection import SelectionRules

    with pytest.raises(ValueError, match="strategy is matrix or one of"):
        SelectionRules(strategy="earnings_iron_condor")
    with pytest.raises(ValueError, match="sell is none or one of"):
        EarningsTradeRules(sell="earnings_long_straddle")
    assert not PlanRules().earnings_trades.enabled


def test_a_backtest_keeps_the_caps_of_a_week():
    rules = plan_rules(max_per_week=1)
    plans, legs = build_plans(row(), rules, Quotes().chain)
    twice = pl.concat([plans, plans.with_columns(plan_id=pl.lit("other"))])
    both = pl.concat([legs, legs.with_columns(plan_id=pl.lit("other"))])
    result = run_backtest(twice, both, stock_market(), backtest_rules(rules))
    assert result.trades.height == 1
    assert result.refusals["rule"].to_list() == ["MAX_EARNINGS_TRADES"]
