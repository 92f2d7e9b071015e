from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import kurtosis, skew

from options_platform.contracts.rule_sets import AS_SET, COMPARED_CASES, HELD, LEFT
from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest_study.rule_sets import (
    BLOCK_SESSIONS,
    SetResult,
    cases_of,
    compare_sets,
    deflated,
    equity_of,
    run_set,
)
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import Variant
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.statistics.bootstrap import block_positions, bootstrap_interval
from options_platform.domain.statistics.curve import sharpe
from options_platform.domain.statistics.overfitting import (
    expected_best_sharpe,
    probabilistic_sharpe_ratio,
    sharpe_ratio,
)
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

ACCOUNT = 1_000_000.0


def variant(name, **rules):
    plan = PlanRules(sizing=SizingRules(account_value_usd=ACCOUNT), rule_set=name)
    return Variant(name, plan, BacktestRules(start_usd=ACCOUNT, **rules))


@pytest.fixture(scope="module")
def data():
    bars, vix = random_market(("QQQ", "SPY"), date(2016, 1, 4), date(2017, 12, 29))
    return plan_inputs(bars, vix), make_market(bars, vix)


@pytest.fixture(scope="module")
def results(data):
    other = variant("mine", exits=ExitRules(credit_stop=1.0, exit_dte=14))
    return [run_set(each, *data) for each in (variant("plan"), other, variant("same"))]


@pytest.fixture(scope="module")
def rows(data, results):
    return compare_sets(results, data[1])


def case(rows, name, what=AS_SET):
    return rows.filter(rule_set=name, case=what).row(0, named=True)


def test_a_set_as_it_is_set_is_the_backtest_of_its_rules(data, results, rows):
    inputs, market = data
    plain = variant("plan")
    alone = run_backtest(*build_plans(inputs, plain.plan), market, plain.rules)
    assert results[0].cases[AS_SET].equity.equals(alone.equity)
    row = case(rows, "plan")
    returns = excess_returns(equity_of(alone), market)
    interval = bootstrap_interval(returns, sharpe, block=BLOCK_SESSIONS)
    stated = row["sharpe"], row["sharpe_low"], row["sharpe_high"]
    assert stated == pytest.approx((interval.value, interval.low, interval.high))
    assert row["trades"] == alone.trades["closed_on"].count()


def test_every_case_is_run_for_every_set(data, results, rows):
    assert set(rows["case"]) == set(cases_of(variant("plan"))) < set(COMPARED_CASES)
    assert rows.height == 3 * len(cases_of(variant("plan")))
    inputs, market = data
    for name, result in zip(("plan", "mine"), results, strict=False):
        plan, rules = result.variant.plan, result.variant.rules
        worst = replace(rules, fills=replace(rules.fills, model="worst"))
        alone = run_backtest(*build_plans(inputs, plan), market, worst)
        assert result.cases["fill_worst"].equity.equals(alone.equity)
        assert case(rows, name)["held_to_expiry"] == 0


def test_a_set_that_waits_for_the_expiry_is_settled_only_under_that_policy(data):
    patient = variant("patient", exits=ExitRules(credit_take_profit=1.0, exit_dte=0))
    result = run_set(patient, *data)
    rows = compare_sets([result], data[1])
    assert case(rows, "patient", HELD)["held_to_expiry"] > 0
    assert case(rows, "patient")["held_to_expiry"] == 0


def test_the_other_policy_of_expiry_is_the_one_that_is_not_set():
    held = replace(variant("plan"), rules=BacktestRules(expiry=ExpiryRules(hold_to_expiry=True)))
    assert cases_of(held)[LEFT].rules.expiry == ExpiryRules()
    assert HELD not in cases_of(held)
    worst = variant("plan", fills=replace(BacktestRules().fills, model="worst"))
    assert {"fill_mid", "fill_default"} < set(cases_of(worst))
    assert "fill_worst" not in cases_of(worst)


def test_a_gain_is_paired_and_a_set_gains_nothing_over_its_own_rules(data, results, rows):
    for what in rows["case"].unique():
        first, mine, same = (case(rows, name, what) for name in ("plan", "mine", "same"))
        assert first["gain"] is None
        assert (same["gain"], same["gain_low"], same["gain_high"]) == (0.0, 0.0, 0.0)
        assert mine["gain"] == pytest.approx(mine["sharpe"] - first["sharpe"])
        assert mine["gain_low"] <= mine["gain"] <= mine["gain_high"]
    market = data[1]
    at = block_positions(len(market.sessions) - 1, block=BLOCK_SESSIONS)
    first, mine = (sharpe(excess_returns(each.equity, market)[at]) for each in results[:2])
    low, high = np.quantile(mine - first, [0.025, 0.975])
    row = case(rows, "mine")
    assert (row["gain_low"], row["gain_high"]) == pytest.approx((low, high))


def test_more_trials_make_a_set_less_credible(data, results):
    market = data[1]
    few = deflated(results[0], market, [0.1, -0.3])
    many = deflated(results[0], market, [0.1, -0.3] * 50)
    assert 0.0 <= many < few <= 1.0
    assert deflated(results[0], market, [float("nan"), 0.1, -0.3]) == few


def test_trials_that_no_home_has_recorded_make_a_set_less_credible(data, results):
    market = data[1]
    alone = deflated(results[0], market, [])
    stated = deflated(results[0], market, [], 830)
    assert 0.0 <= stated < alone
    # The expected best of 831 trials of luck alone, in 523 sessions (Bailey and Lopez de Prado).
    returns = excess_returns(results[0].equity, market)
    best = expected_best_sharpe(1.0 / len(returns), 831)
    assert stated == pytest.approx(
        probabilistic_sharpe_ratio(
            sharpe_ratio(returns), best, periods=len(returns),
            skewness=float(skew(returns)), kurtosis=float(kurtosis(returns, fisher=False)),
        )
    )  # fmt: skip


def test_a_set_may_have_the_name_of_the_curve_that_others_are_compared_with(data, results, rows):
    renamed = SetResult(variant("model"), results[1].cases)
    compared = compare_sets([results[0], renamed], data[1])
    expected = rows.filter(pl.col("rule_set").is_in(["plan", "mine"]))
    assert compared.drop("rule_set").equals(expected.drop("rule_set"))


def test_a_set_that_only_earns_interest_in_whole_cents_has_no_ratio(data):
    inputs, market = data
    rate = np.full(len(market.sessions), 0.05 / 252)
    paid = replace(market, interest=rate)
    nothing = variant("none")
    plan = replace(nothing.plan, sizing=SizingRules(account_value_usd=1.0))
    idle = run_set(replace(nothing, plan=plan), inputs, paid)
    assert idle.equity[-1] > 1.05 * idle.equity[0]
    assert not excess_returns(idle.equity, paid).any()
    assert np.isnan(deflated(idle, paid, [0.1]))


def test_a_set_that_never_trades_has_no_probability_and_no_interval(data):
    inputs, market = data
    nothing = variant("none")
    plan = replace(nothing.plan, sizing=SizingRules(account_value_usd=1.0))
    idle = run_set(replace(nothing, plan=plan), inputs, market)
    assert np.isnan(deflated(idle, market, [0.1]))
    row = compare_sets([idle], market).filter(pl.col("case") == AS_SET).row(0, named=True)
    assert (row["trades"], row["sharpe"], row["sharpe_low"]) == (0, None, None)
