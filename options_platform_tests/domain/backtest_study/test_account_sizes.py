"""What the size of the account does to the trades of the same rules."""

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import BacktestRules, make_market
from options_platform.domain.backtest_study.account_sizes import (
    ACCOUNTS,
    account_table,
    size_figures,
)
from options_platform.domain.backtest_study.variants import run_variants, score_variants, vary
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

ACCOUNT_VALUES = [2_000.0, 10_000.0, 25_000.0, 100_000.0, 1_000_000.0]


@pytest.fixture(scope="module")
def data():
    bars, vix = random_market(("QQQ", "SPY"), date(2015, 1, 2), date(2017, 12, 29))
    return plan_inputs(bars, vix), make_market(bars, vix)


@pytest.fixture(scope="module")
def variants():
    return vary(PlanRules(), BacktestRules(), {"account_value_usd": ACCOUNT_VALUES})


@pytest.fixture(scope="module")
def scores(data, variants):
    return list(score_variants(variants, *data))


def test_no_account_is_sized_to_risk_more_than_2_percent_of_itself(scores):
    for score in scores:
        assert not score.sizes.risk_as_sized > 0.02 + 1e-9
    assert scores[1].sizes.risk_as_sized > 0.01


def test_small_accounts_narrow_or_refuse_what_large_ones_trade_as_configured(scores):
    smallest, small, *_, largest = (score.sizes for score in scores)
    assert largest.narrowed == largest.refused_by_budget == 0
    assert small.narrowed > 0
    assert small.trades <= largest.trades + small.refused_by_budget
    assert smallest.refused_by_budget > small.refused_by_budget
    assert small.fees_of_profit > largest.fees_of_profit


def test_no_plan_has_fewer_contracts_of_a_width_because_the_account_is_larger(data, variants):
    plans = [build_plans(data[0], variant.plan)[0] for variant in variants]
    for below, above in pairwise(plans):
        pairs = below.join(above, on=["date", "ticker"], suffix="_above")
        pairs = pairs.filter(pl.col("decision") == "trade")
        assert (pairs["decision_above"] == "trade").all()
        same_width = pairs.filter(pl.col("width") == pl.col("width_above"))
        assert (same_width["contracts"] <= same_width["contracts_above"]).all()
        assert (pairs["width"] <= pairs["width_above"]).all()


def test_the_figures_of_a_run_counted_again_trade_by_trade(data, variants, scores):
    variant = variants[1]
    ((_, result),) = run_variants([variant], *data)
    plans, _ = build_plans(data[0], variant.plan)
    closed = result.trades.filter(pl.col("closed_on").is_not_null())
    reasons = dict(plans.select("plan_id", "reasons").iter_rows())
    sizes = scores[1].sizes
    assert sizes.trades == closed.height
    assert sizes.narrowed == sum("NARROWED" in reasons[i] for i in closed["plan_id"])
    planned = sum("RISK_BUDGET" in codes for codes in reasons.values())
    assert sizes.refused_by_budget == planned + sum(result.refusals["rule"] == "RISK_BUDGET")
    gains = [p + f for p, f in closed.select("pnl_usd", "fees_usd").iter_rows() if p + f > 0]
    assert sizes.fees_of_profit == pytest.approx(sum(closed["fees_usd"]) / sum(gains))
    assert sizes.largest_loss == pytest.approx(-min(closed["pnl_usd"]) / 10_000.0)


def test_no_account_risks_more_than_2_percent_on_a_trade_as_it_was_filled(scores):
    assert all(score.sizes.trades > 0 for score in scores[1:])
    assert all(score.sizes.risk_as_filled <= 0.02 * (1 + 1e-9) for score in scores[1:])


def test_an_account_that_trades_nothing_has_no_shares(data, variants):
    inputs, market = data
    ((_, result),) = run_variants(variants[:1], inputs.filter(pl.lit(value=False)), market)
    figures = size_figures(build_plans(inputs.head(0), PlanRules())[0], result, 2_000.0)
    assert (figures.trades, figures.narrowed, figures.refused_by_budget) == (0, 0, 0)
    assert np.isnan([figures.fees_of_profit, figures.risk_as_sized, figures.largest_loss]).all()


def test_the_table_begins_with_the_smallest_account(scores):
    turned = scores[::-1]
    table = account_table(
        [s.variant.name for s in turned],
        [s.variant.plan.sizing.account_value_usd for s in turned],
        [s.sizes for s in turned],
    )
    assert table.schema == ACCOUNTS
    assert table["account_value_usd"].to_list() == ACCOUNT_VALUES
    assert table["trades"].to_list() == [score.trades.trades for score in scores]
