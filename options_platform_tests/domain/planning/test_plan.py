import math
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.contracts.regimes import REGIMES
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.needs import in_dollars
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.pricing.payoff import payoff
from options_platform.domain.risk.sizing import SizingRules, contracts
from options_platform.testing.plan_rows import BATCH, one

CONDORS = PlanRules()
NO_CONDORS = PlanRules(selection=SelectionRules(iron_condor_enabled=False))


def plan_of(frame, rules=CONDORS):
    return build_plans(frame, rules)[0].row(0, named=True)


def test_plans_fit_their_contract():
    plans, legs = build_plans(BATCH, CONDORS)
    TRADE_PLAN.validate(plans)
    TRADE_PLAN_LEGS.validate(legs)
    assert plans.height == BATCH.height
    assert set(plans["strategy"]) >= {
        "bull_call_spread", "bear_put_spread", "bull_put_spread", "bear_call_spread",
        "iron_condor", "none",
    }  # fmt: skip


@given(rows=st.lists(st.integers(0, BATCH.height - 1), min_size=1, max_size=8, unique=True))
@settings(deadline=None, max_examples=15)
def test_a_row_is_the_same_in_any_batch(rows):
    plans, legs = build_plans(BATCH, CONDORS)
    some, some_legs = build_plans(BATCH[sorted(rows)], CONDORS)
    assert some.equals(plans[sorted(rows)])
    wanted = legs.filter(pl.col("plan_id").is_in(some["plan_id"].to_list()))
    assert some_legs.sort("plan_id", "leg").equals(wanted.sort("plan_id", "leg"))


def test_no_position_loses_more_or_gains_more_than_its_plan_says():
    plans, legs = build_plans(BATCH, CONDORS)
    # In and out: a position may be closed before its expiry.
    fee = 2 * CONDORS.costs.fee_per_contract_usd
    for plan in plans.filter(pl.col("decision") == "trade").iter_rows(named=True):
        own = legs.filter(pl.col("plan_id") == plan["plan_id"])
        sides = np.where(own["side"].to_numpy() == "buy", 1.0, -1.0)
        signs = np.where(own["right"].to_numpy() == "call", 1.0, -1.0)
        spots = np.linspace(0.2, 3.0, 800) * plan["spot"]
        value = payoff(sides, signs, own["strike"].to_numpy(), spots) - plan["limit_price"]
        profit = 100 * plan["contracts"] * value - fee * own.height * plan["contracts"]
        assert profit.min() >= -plan["max_loss_usd"] - 1e-6
        assert profit.max() <= plan["max_profit_usd"] + 1e-6
        if own.height == 2:
            assert profit.min() == pytest.approx(-plan["max_loss_usd"], abs=1e-6)
            rises = profit[-1] > profit[0]
            assert rises == (plan["strategy"] in ("bull_call_spread", "bull_put_spread"))
        debit = plan["strategy"] in ("bull_call_spread", "bear_put_spread")
        assert (plan["limit_price"] > 0) == debit


# The seed plan's matrix (section 5.1), and its holes as the contract fills them.
MATRIX = {
    ("low_vol", "bullish"): "bull_call_spread",
    ("low_vol", "bearish"): "bear_put_spread",
    ("high_vol", "bullish"): "bull_put_spread",
    ("high_vol", "bearish"): "bear_call_spread",
    ("high_vol", "neutral"): "iron_condor",
    ("iv_expansion", "bullish"): "bull_call_spread",
    ("iv_expansion", "bearish"): "bear_put_spread",
    ("iv_expansion", "neutral"): "none",
    ("iv_contraction", "bullish"): "bull_put_spread",
    ("iv_contraction", "bearish"): "bear_call_spread",
    ("iv_contraction", "neutral"): "iron_condor",
    ("neutral", "bullish"): "bull_call_spread",
    ("neutral", "neutral"): "none",
}


@pytest.mark.parametrize(("regime", "direction"), MATRIX)
def test_the_matrix(regime, direction):
    rules = replace(CONDORS, sizing=SizingRules(account_value_usd=1e6))
    plan = plan_of(one(regime=regime, direction=direction), rules)
    assert plan["strategy"] == MATRIX[regime, direction]


def test_a_confident_neutral_regime_sells_premium_when_it_is_dear():
    assert plan_of(one(regime="neutral", iv_rank=0.6))["strategy"] == "bull_put_spread"


REFUSALS = {
    "BAD_BAR": {"bad_reason": "missing"},
    "NO_VIX": {"vix": float("nan")},
    "NO_REGIME": {"regime": None},
    "NO_PREDICTION": {"direction": None},
    "LOW_CONFIDENCE": {"regime": "neutral", "call_rank": 0.45},
    "NO_EDGE": {"regime": "iv_expansion", "direction": "neutral"},
    "IRON_CONDOR_DISABLED": {"regime": "high_vol", "direction": "neutral"},
    "VOL_VETO_DEBIT": {"iv_rank_change_pred": -0.06},
    "VOL_VETO_CREDIT": {"regime": "high_vol", "iv_rank_change_pred": 0.06},
    "BAD_QUOTE": {"close": 0.3},
    # The wing that would be sold is 17% out of the money, and nobody bids for it.
    "ILLIQUID": {"close": 30.0, "iv_close": 8.0},
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_is_given_where_it_applies(code):
    plan = plan_of(one(**REFUSALS[code]), NO_CONDORS)
    assert plan["decision"] == "no_trade"
    assert plan["reasons"] == [code]
    assert code in REASONS


def test_every_refused_row_says_what_would_let_it_through_and_no_trade_does():
    plans, _ = build_plans(BATCH, CONDORS)
    refused = pl.col("decision") == "no_trade"
    assert plans.filter(refused)["needs"].null_count() == 0
    assert plans.filter(~refused)["needs"].unique().to_list() == [None]


def test_what_the_inputs_say_of_calls_and_index_stands_on_every_plan():
    said = {"call_rank": 0.75, "earlier_calls": 80, "iv_symbol": "VXN"}
    with_index = BATCH.with_columns(
        pl.lit(value, TRADE_PLAN.schema[name]).alias(name) for name, value in said.items()
    )
    plans, legs = build_plans(with_index, CONDORS)
    assert plans.select(list(said)).unique().row(0, named=True) == said
    ranks = ["call_rank", "earlier_calls"]
    same = BATCH.with_columns(with_index.select(ranks))
    without, same_legs = build_plans(same, CONDORS)
    of_index = ["iv_symbol", "iv_basis", "vol_error"]
    assert build_plans(BATCH, CONDORS)[0].select(ranks).equals(BATCH.select(ranks))
    changed = [*ranks, *of_index]
    assert plans.drop(changed).equals(without.drop(changed))
    assert legs.equals(same_legs)


def test_a_trade_of_the_neutral_regime_says_that_its_call_is_confident():
    plans, _ = build_plans(BATCH, CONDORS)
    trades = plans.filter(pl.col("decision") == "trade")
    says_so = pl.col("reasons").list.contains("CONFIDENT_CALL")
    assert trades.filter(says_so).height > 5
    assert trades.filter(says_so).equals(trades.filter(pl.col("regime") == "neutral"))
    assert (trades.filter(says_so)["call_rank"] >= 2 / 3 - 1e-12).all()
    constant = replace(CONDORS, selection=replace(CONDORS.selection, min_probability=0.4))
    assert not build_plans(BATCH, constant)[0].select(says_so.any()).item()


def loss_of_one():
    """The maximum loss of one spread of the row `one`, USD."""
    plan = plan_of(one())
    return plan["max_loss_usd"] / plan["contracts"]


def with_account(account_value_usd, **sizing):
    return replace(CONDORS, sizing=SizingRules(account_value_usd=account_value_usd, **sizing))


def at_full_width(account_value_usd, **sizing):
    rules = with_account(account_value_usd, **sizing)
    return replace(rules, strikes=StrikeRules(narrow_to_fit=False))


def test_a_budget_below_one_spread_trades_one_while_it_fits_2_percent_of_the_account():
    # A confidence of zero halves the budget: of 2% of this account to three quarters of a spread.
    plan = plan_of(one(confidence=0.0), with_account(1.5 * loss_of_one() / 0.02))
    assert plan["contracts"] == 1
    assert plan["max_loss_usd"] == pytest.approx(loss_of_one())


def test_a_spread_that_the_account_cannot_carry_names_the_account_that_would_do():
    plan = plan_of(one(), at_full_width(2000.0))
    needed = 100.0 * math.ceil(loss_of_one() / 0.02 / 100.0)
    assert plan["reasons"] == ["RISK_BUDGET"]
    assert plan["needs"] == f"an account of {needed:,.0f} USD"
    assert plan_of(one(), at_full_width(needed))["contracts"] == 1
    assert plan_of(one(), at_full_width(needed - 100.0))["reasons"] == ["RISK_BUDGET"]


def test_what_a_budget_needs_is_the_setting_that_refuses():
    loss = math.ceil(loss_of_one())
    account = 100 * math.ceil(loss_of_one() / 0.02 / 100.0)
    for rules, needs in (
        (at_full_width(1e5, max_risk_usd=5.0), f"max_risk_usd of {loss}"),
        (
            at_full_width(2000.0, max_risk_usd=5.0),
            f"an account of {account:,} USD and max_risk_usd of {loss}",
        ),
        (
            with_account(1e5, regime_multiplier=dict.fromkeys(REGIMES, 0.0)),
            "plan.sizing.regime_multiplier of low_vol above 0",
        ),
    ):
        plan = plan_of(one(), rules)
        assert (plan["reasons"], plan["needs"]) == (["RISK_BUDGET"], needs)


@pytest.mark.parametrize(
    ("usd", "text"),
    [(99.0, "99"), (99.1, "100"), (999.5, "1,000"), (123456.0, "123,456"), (1e6, "1,000,000")],
)
def test_dollars_are_rounded_up_and_grouped(usd, text):
    assert pl.select(x=pl.lit(usd)).select(in_dollars("x")).item() == text


def test_sizes_worked_by_hand():
    # 100,000 x 2% x 1.0 x (0.5 + 0.5 x 0.5) = 1,500 USD; 320 USD a spread: 4. Cap 600: 1.
    args = (np.array([320.0]), np.array([1.0]), np.array([0.5]))
    assert contracts(*args, SizingRules()).tolist() == [4]
    assert contracts(*args, SizingRules(max_risk_usd=600.0)).tolist() == [1]
    assert contracts(np.array([10.0]), *args[1:], SizingRules()).tolist() == [10]
    assert contracts(np.array([1501.0]), *args[1:], SizingRules()).tolist() == [1]
    down = SizingRules(at_least_one=False)
    assert contracts(np.array([1501.0]), *args[1:], down).tolist() == [0]


def test_strikes_are_those_of_the_price_as_traded():
    # After a later 4:1 split the stored close is a quarter of what was traded.
    plan = plan_of(one(close=62.5, split_factor=4.0))
    assert plan["spot"] == 250.0
    assert plan["strike_basis"] == "as_traded"
    assert plan_of(one(split_factor=None))["strike_basis"] == "adjusted"


def test_days_to_expiry_follow_regime_and_rank():
    assert plan_of(one(iv_rank=0.4))["target_dte"] == 30
    assert plan_of(one(regime="high_vol", iv_rank=0.75))["target_dte"] == 14
    assert plan_of(one(regime="iv_expansion", iv_rank=0.2))["target_dte"] == 45
    for plan in build_plans(BATCH, CONDORS)[0].drop_nulls("dte").iter_rows(named=True):
        assert 14 <= plan["dte"] <= 45
        assert plan["dte"] == (plan["expiry"] - plan["date"]).days


def test_before_options_on_spy_were_listed_no_plan_trades_and_the_refusal_says_from_when():
    first = date(2005, 1, 10)
    days = sessions(date(2004, 12, 20), date(2005, 1, 31))
    rows = pl.concat([one().with_columns(date=pl.lit(day)) for day in days])
    plans, legs = build_plans(rows, CONDORS)
    before = plans.filter(pl.col("date") < first)
    assert before["decision"].unique().to_list() == ["no_trade"]
    assert before["reasons"].to_list() == [["NO_OPTIONS"]] * before.height
    assert before["needs"].unique().to_list() == ["sessions from 2005-01-10 on"]
    after = plans.filter(pl.col("date") >= first)
    assert "trade" in after["decision"].to_list()
    assert not [codes for codes in after["reasons"].to_list() if "NO_OPTIONS" in codes]
    assert legs["date"].min() >= first
    # QQQ had options by then, and of a stock the first day is not known.
    for ticker in ("QQQ", "XYZ"):
        others, _ = build_plans(rows.with_columns(ticker=pl.lit(ticker)), CONDORS)
        assert "NO_OPTIONS" not in {code for codes in others["reasons"] for code in codes}
