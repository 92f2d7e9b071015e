"""A strategy of any shape is its declaration and its line: it is planned, bounded and tested."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import AssignmentRules, BacktestRules, run_backtest
from options_platform.domain.backtest.market import make_market
from options_platform.domain.checks.backtest import BACKTEST_RULES, BacktestTables
from options_platform.domain.planning.liquidity import LiquidityRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.rule_trace import rule_trace
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.pricing.payoff import payoff
from options_platform.domain.risk import RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Leg, Strategy
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.domain.planning.test_leg_quotes import SOME, chains

BACKSPREAD = Strategy(
    name="call_backspread",
    kind="credit",
    bias="bullish",
    legs=(Leg("sell", "call", "anchor"), Leg("buy", "call", "wing", ratio=2)),
)
BROKEN_WING = Strategy(
    name="broken_wing_butterfly",
    kind="debit",
    bias="neutral",
    legs=(
        Leg("buy", "call", "anchor"),
        Leg("sell", "call", "wing", ratio=2),
        Leg("buy", "call", "wing", widths=3.0),
    ),
)
PUT_CONDOR = Strategy(
    name="put_condor",
    kind="debit",
    bias="bearish",
    legs=(
        Leg("buy", "put", "anchor"),
        Leg("sell", "put", "wing"),
        Leg("sell", "put", "wing", widths=2.0),
        Leg("buy", "put", "wing", widths=3.0),
    ),
)
DOUBLE_CALENDAR = Strategy(
    name="double_calendar",
    kind="debit",
    bias="neutral",
    legs=(
        Leg("buy", "put", "anchor"),
        Leg("sell", "put", "near"),
        Leg("buy", "call", "anchor"),
        Leg("sell", "call", "near"),
    ),
)
SHAPES = (BACKSPREAD, BROKEN_WING, PUT_CONDOR, DOUBLE_CALENDAR, STRATEGIES["calendar"])
HALF = dict.fromkeys(("low_vol", "high_vol", "iv_contraction", "iv_expansion", "neutral"), 0.5)
EVERY = pytest.mark.parametrize("strategy", SHAPES, ids=lambda own: own.name)


def rules_of(strategy):
    # Half a deviation apart, so that one sold call pays for two bought ones.
    return PlanRules(
        selection=SelectionRules(strategy=strategy.name, veto_credit_above=1.0),
        strikes=StrikeRules(short_delta=HALF, width_mode="expected_move", width_moves=0.9),
        sizing=SizingRules(account_value_usd=2_000_000.0),
        liquidity=LiquidityRules(max_width_share=2.0),
    )


@pytest.fixture(autouse=True)
def listed(strategy, monkeypatch):
    """Its line among the strategies."""
    monkeypatch.setitem(STRATEGIES._members(), strategy.name, strategy)


@EVERY
@pytest.mark.parametrize("real", [False, True])
def test_it_is_planned_at_its_ratios_and_expiries(strategy, real):
    rules = rules_of(strategy)
    chain_of = chains(SOME, expiries=expiries()) if real else None
    plans, legs = build_plans(SOME, rules, chain_of)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 10
    assert trades["chain_source"].unique().to_list() == ["real" if real else "synthetic"]
    for plan in trades.iter_rows(named=True):
        own = legs.filter(pl.col("plan_id") == plan["plan_id"])
        assert own["ratio"].to_list() == [leg.ratio for leg in strategy.legs]
        near = pl.Series([leg.role == "near" for leg in strategy.legs]) | strategy.one_expiry
        assert own.filter(near)["expiry"].unique().to_list() == [plan["expiry"]]
        assert own.filter(~near).filter(pl.col("expiry") <= plan["expiry"]).is_empty()
        sides = np.where(own["side"].to_numpy() == "buy", 1.0, -1.0) * own["ratio"].to_numpy()
        net = float(np.sum(sides * own["mid"].to_numpy()))
        assert plan["limit_price"] == pytest.approx(net, abs=0.0051)
    trace = rule_trace(SOME, plans, rules)
    passed = trace.filter((pl.col("rule") == "UNBOUNDED") & (pl.col("outcome") == "refused"))
    assert passed.is_empty()


@EVERY
def test_its_maximum_loss_is_that_of_its_payoff(strategy):
    rules = rules_of(strategy)
    plans, legs = build_plans(SOME, rules)
    fees = 2.0 * rules.costs.fee_per_contract_usd * sum(leg.ratio for leg in strategy.legs)
    for plan in plans.filter(pl.col("decision") == "trade").iter_rows(named=True):
        own = legs.filter(pl.col("plan_id") == plan["plan_id"])
        sides = np.where(own["side"].to_numpy() == "buy", 1.0, -1.0) * own["ratio"].to_numpy()
        signs = np.where(own["right"].to_numpy() == "call", 1.0, -1.0)
        spots = np.linspace(0.0, 4.0, 8001) * plan["spot"]
        # Legs that live on are worth no less than this.
        value = payoff(sides, signs, own["strike"].to_numpy(), spots) - plan["limit_price"]
        loss = (100.0 * -value.min() + fees) * plan["contracts"]
        step = 100.0 * plan["contracts"] * plan["spot"] * 4.0 / 8000
        assert 0 <= plan["max_loss_usd"] - loss + 1e-6 <= step
        if strategy.one_expiry and plan["max_profit_usd"] is not None:
            profit = (100.0 * value.max() - fees) * plan["contracts"]
            assert 0 <= plan["max_profit_usd"] - profit + 1e-6 <= step
        elif strategy.one_expiry:
            assert strategy is BACKSPREAD
        else:
            # What lives on has time value left: a calendar gains where its strikes are met.
            assert plan["max_profit_usd"] > 0


@EVERY
def test_it_goes_through_a_backtest_and_its_books_balance(strategy):
    bars, vix = random_market(("SPY",), date(2016, 1, 4), date(2017, 12, 29))
    plans = build_plans(plan_inputs(bars, vix), rules_of(strategy))
    assert plans[0].filter(pl.col("decision") == "trade").height > 25
    rules = BacktestRules(
        start_usd=2_000_000.0,
        assignment=AssignmentRules(enabled=False),
        risk=RiskRules.unlimited(),
    )
    for exits in (rules.exits, None):
        found = run_backtest(*plans, make_market(bars, vix), replace(rules, exits=exits))
        assert found.trades.drop_nulls("closed_on").height > 20
        assert found.trades["strategy"].unique().to_list() == [strategy.name]
        sessions = (found.equity, found.marks, found.fills)
        equity, marks, fills = (own.rename({"session": "date"}) for own in sessions)
        tables = BacktestTables(*(
            frame.with_columns(run=pl.lit("own"), fill_model=pl.lit("default"))
            for frame in (equity, found.trades, marks, fills)
        ))  # fmt: skip
        assert [rule.name for rule in BACKTEST_RULES if not rule.find(tables).passed] == []


def expiries():
    """Monthly ones, as a chain lists them."""
    return [date(year, month, 20) for year in (2015, 2016) for month in range(1, 13)]


@pytest.mark.parametrize("strategy", [BACKSPREAD])
def test_a_ratio_below_one_and_a_wing_on_its_anchor_are_refused_when_declared(strategy):
    with pytest.raises(ValueError, match="at least 1"):
        replace(strategy.legs[0], ratio=0)
    with pytest.raises(ValueError, match="some widths"):
        Leg("buy", "call", "wing", widths=0.0)
    with pytest.raises(ValueError, match="there are none"):
        replace(strategy, legs=(Leg("sell", "call", "near"),))
