"""Backtests without the likeliest stops: only sold spreads are left out, and only by the past."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest_study.study import POLICIES, run_hypothesis
from options_platform.domain.backtest_study.variants import Variant, rules_hash
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk import RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.models.study.own_loss import stop_forecasts
from options_platform.services.backtesting.own_loss import run_without_stops, sold_spreads
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

PLAN = PlanRules(
    selection=SelectionRules(strategy="bull_put_spread", cadence="week"),
    sizing=SizingRules(account_value_usd=1e6),
)
RULES = BacktestRules(start_usd=1e6, risk=RiskRules.unlimited())
VARIANT = Variant("as set", PLAN, RULES)


@pytest.fixture(scope="module")
def data():
    """The inputs of three years of plans, with random features, and the market."""
    bars, vix = random_market(("QQQ", "SPY"), date(2014, 1, 2), date(2017, 12, 29))
    inputs = plan_inputs(bars, vix)
    drawn = np.random.default_rng(4).uniform(size=(3, inputs.height))
    names = ("har_rv_rank", "vrp_percentile", "vix_to_mean_10")
    features = [pl.Series(name, values) for name, values in zip(names, drawn, strict=True)]
    return inputs.with_columns(features), make_market(bars, vix)


def test_a_share_of_the_sold_spreads_is_left_out_after_enough_have_closed(data):
    inputs, market = data
    runs = list(run_without_stops("a", [replace(VARIANT, leave_out=0.3)], inputs, market))
    assert [run.policy for run in runs] == [*POLICIES]
    as_set = list(run_hypothesis("a", [VARIANT], inputs, market))
    for less, whole in zip(runs, as_set, strict=True):
        assert less.closed.height < whole.closed.height
        early = pl.col("closed_on") < date(2015, 1, 2)
        assert less.closed.filter(early).equals(whole.closed.filter(early))
        assert less.note.startswith("forecasts of stops for a, ")
        assert less.score.variant.leave_out == 0.3


def test_what_the_model_learns_from_is_what_became_of_the_sold_spreads(data):
    inputs, market = data
    plans, legs = build_plans(inputs, PLAN)
    result = run_backtest(plans, legs, market, RULES)
    sold = sold_spreads(plans, result, inputs)
    assert set(sold["plan_id"]) == set(plans.filter(decision="trade")["plan_id"])
    assert sold["credit_share"].is_between(0.0, 1.0, closed="none").all()
    closed = result.trades.drop_nulls("closed_on")
    assert sold["stopped"].sum() == closed.filter(exit_reason="STOP_LOSS").height > 10
    assert sold.drop_nulls("stopped").height == closed.height
    debits = plans.with_columns(limit_price=-pl.col("limit_price"))
    assert sold_spreads(debits, result, inputs).is_empty()
    # By the start of no earlier year had a hundred closed.
    forecasts = stop_forecasts(sold).drop_nulls("p_stop")
    assert forecasts["date"].dt.year().unique().to_list() == [2017]


def test_what_leaves_spreads_out_is_a_trial_of_its_own():
    assert rules_hash(replace(VARIANT, leave_out=0.0)) == rules_hash(VARIANT)
    hashes = {rules_hash(replace(VARIANT, leave_out=share)) for share in (0.0, 0.1, 0.25)}
    assert len(hashes) == 3
