from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest_study.baseline_registry import BASELINES, BaselineComparison
from options_platform.domain.backtest_study.baselines import (
    always,
    buy_and_hold,
    oracle,
    put_write,
    random_direction,
    shuffled_signal,
    without_neutral,
)
from options_platform.domain.backtest_study.scorecard import Curve, scorecard
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.domain.backtest.small import DAYS, market

RULES = PlanRules(selection=SelectionRules(iron_condor_enabled=True))


@pytest.fixture(scope="module")
def made():
    bars, vix = random_market(("QQQ", "SPY"), date(2016, 1, 4), date(2018, 12, 31))
    return bars, vix, plan_inputs(bars, vix)


def test_buy_and_hold_reinvests_dividends_and_carries_its_value_over_a_hole():
    closes = [100.0, 110.0, None, 121.0] + [121.0] * (len(DAYS) - 4)
    spy_market = market({"SPY": closes}, dividends={DAYS[1]: 1.0})
    equity = buy_and_hold(spy_market, "SPY", 1000.0)
    assert equity[:4] == pytest.approx([1000.0, 1110.0, 1110.0, 1221.0])


def test_buy_and_hold_uses_adjusted_closes_if_dividends_are_unknown(made):
    bars, vix, _ = made
    growth = pl.int_range(pl.len()).over("ticker") * 0.001 + 1.0
    adjusted = bars.with_columns(adj_close=pl.col("close") * growth)
    unknown = make_market(adjusted.with_columns(dividend=pl.lit(None, pl.Float64)), vix)
    plain = make_market(bars, vix)
    factor = 1.0 + 0.001 * np.arange(len(plain.sessions))
    equity = buy_and_hold(unknown, "SPY", 100.0)
    assert equity == pytest.approx(buy_and_hold(plain, "SPY", 100.0) * factor)
    # If dividends are known, even if all are zero, adjusted closes are not used.
    assert (buy_and_hold(make_market(adjusted, vix), "SPY", 100.0)
            == buy_and_hold(plain, "SPY", 100.0)).all()  # fmt: skip


def test_the_always_baseline_trades_its_strategy_on_every_complete_row(made):
    plans, legs = always(made[2], "bull_put_spread", RULES)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades["strategy"].unique().to_list() == ["bull_put_spread"]
    assert trades.height > 0.7 * plans.filter(pl.col("regime").is_not_null()).height
    assert plans.height == made[2].height
    assert legs.height == 2 * trades.height


def test_no_skill_baselines_predict_each_class_as_often_as_the_model(made):
    inputs = made[2]
    for baseline in (random_direction, shuffled_signal):
        plans, _ = baseline(inputs, RULES, seed=3)
        counts = [p["direction"].value_counts(sort=True).sort("direction") for p in (plans, inputs)]
        assert counts[0].equals(counts[1])
        assert not plans["direction"].equals(inputs.sort("date", "ticker")["direction"])
        again, _ = baseline(inputs, RULES, seed=3)
        assert again.equals(plans)


def test_the_oracle_knows_the_next_five_sessions_and_earns_more_than_the_model(made):
    bars, vix, inputs = made
    plans, legs = oracle(inputs, RULES)
    row = inputs.filter(pl.col("ticker") == "SPY").sort("date")
    move = row["close"][105] / row["close"][100] - 1.0
    wanted = "bullish" if move > 0.01 else "bearish" if move < -0.01 else "neutral"
    oracle_plan = plans.filter((pl.col("ticker") == "SPY") & (pl.col("date") == row["date"][100]))
    assert oracle_plan["direction"].to_list() == [wanted]
    priced, rules = make_market(bars, vix), BacktestRules()
    ceiling, model = (
        run_backtest(*p, priced, rules).equity["equity_usd"][-1]
        for p in ((plans, legs), build_plans(inputs, RULES))
    )
    assert ceiling > model + 5000.0


def test_put_write_rolls_from_one_expiry_to_the_next(made):
    plans, legs = put_write(made[2], RULES, "SPY")
    # Four weeks each, over three years.
    assert 37 <= plans.height <= 40
    assert (plans["date"][1:] >= plans["expiry"][:-1]).all()
    assert (plans["max_loss_usd"] <= 100_000.0).all()
    assert legs["side"].unique().to_list() == ["sell"]
    small = replace(RULES, sizing=replace(RULES.sizing, account_value_usd=100.0))
    assert put_write(made[2], small, "SPY")[0].is_empty()


def test_before_weeklies_put_write_waits_for_a_monthly_in_its_range():
    bars, vix = random_market(("SPY",), date(2007, 1, 3), date(2008, 6, 30))
    inputs = plan_inputs(bars, vix).filter(pl.col("date") >= date(2008, 1, 2))
    plans, _ = put_write(inputs, RULES, "SPY")
    # On 2 January the monthlies are 16 and 44 days away; on 7 January the second is 39 days away.
    assert plans["date"][0] == date(2008, 1, 7)
    # Third Fridays; that of March was Good Friday.
    wanted = [(2, 15), (3, 20), (4, 18), (5, 16), (6, 20)]
    assert plans["expiry"].to_list()[:5] == [date(2008, *day) for day in wanted]
    assert plans["date"].to_list()[1:5] == plans["expiry"].to_list()[:4]


def test_puts_on_a_stock_that_collapses_cost_the_account_and_no_more(made):
    """It falls to a thousandth, and each next put is sold on more shares than the first."""
    bars, vix, _ = made
    share = 0.001 ** (pl.int_range(pl.len()) / pl.len())
    falling = bars.filter(ticker="SPY").with_columns(pl.col("open", "high", "low", "close") * share)
    inputs = plan_inputs(falling, vix.filter(ticker="SPY"))
    priced = make_market(falling, vix.filter(ticker="SPY"))
    comparison = BaselineComparison(inputs, priced, RULES, BacktestRules())
    (result,) = BASELINES["put_write"].run(comparison).values()
    assert result.trades.height > 30
    assert result.equity["equity_usd"].min() > 0.0
    curve = Curve("put_write", "default", "baseline", result.equity["equity_usd"].to_numpy())
    card = scorecard([curve], priced)
    assert card["ruined_on"].item() is not None
    assert card["sharpe"].item() is None


def test_every_baseline_runs_under_each_fill_model_and_worse_fills_cost_more(made):
    bars, vix, inputs = made
    priced = make_market(bars, vix)
    comparison = BaselineComparison(inputs, priced, RULES, BacktestRules(exits=None))
    for name, baseline in BASELINES.items():
        results = baseline.run(comparison, ("mid", "worst"))
        assert list(results) == ["mid", "worst"]
        assert results["mid"].trades.height > 5, name
        assert results["mid"].trades["slippage_usd"].abs().max() < 1e-6
        assert results["worst"].trades["slippage_usd"].sum() > 0
        # By default it is the configured fill model.
        assert list(baseline.run(comparison)) == ["default"]


def test_only_no_skill_baselines_depend_on_the_seed(made):
    bars, vix, inputs = made
    comparison = BaselineComparison(inputs, make_market(bars, vix), RULES, BacktestRules())
    for name, baseline in BASELINES.items():
        ends = [baseline.planned(comparison, seed)[0] for seed in (1, 2)]
        assert ends[0].equals(ends[1]) is not baseline.drawn, name


def test_without_neutral_is_the_model_less_its_trades_of_the_neutral_regime(made):
    many = replace(RULES, selection=replace(RULES.selection, confident_share=1.0, fewest_calls=9))
    plans, legs = build_plans(made[2], many)
    kept, kept_legs = without_neutral(made[2], many)
    is_added = (pl.col("regime") == "neutral") & (pl.col("decision") == "trade")
    added = plans.filter(is_added)
    assert added.height > 5
    assert kept.filter(is_added).is_empty()
    assert kept.filter(pl.col("regime") != "neutral").equals(
        plans.filter(pl.col("regime") != "neutral")
    )
    refused = kept.join(added, on=["date", "ticker"], how="semi")
    assert refused["reasons"].to_list() == [["LOW_CONFIDENCE"]] * added.height
    assert kept_legs.equals(legs.join(added, on="plan_id", how="anti", maintain_order="left"))


def test_without_neutral_is_the_model_where_the_level_adds_no_trade(made):
    bars, vix, inputs = made
    none = replace(RULES, selection=replace(RULES.selection, min_probability=1.0))
    comparison = BaselineComparison(inputs, make_market(bars, vix), none, BacktestRules())
    ((_, result),) = BASELINES["without_neutral"].run(comparison).items()
    model = run_backtest(*build_plans(inputs, none), comparison.market, BacktestRules())
    assert result.equity.equals(model.equity)
    # One strategy in place of the matrix asks for no confidence, so nothing is left out.
    fixed = replace(RULES, selection=SelectionRules(strategy="bull_put_spread"))
    assert without_neutral(inputs, fixed)[0].equals(build_plans(inputs, fixed)[0])


def test_random_directions_are_confident_as_often_as_the_models(made):
    def confident(plans):
        return plans["call_rank"].drop_nulls().sort()

    model, _ = build_plans(made[2], RULES)
    for baseline in (random_direction, shuffled_signal):
        plans, _ = baseline(made[2], RULES, seed=3)
        assert confident(plans).equals(confident(model))
        # A rank comes with its direction: a neutral one has none.
        neutral = plans.filter(pl.col("direction") == "neutral")
        assert neutral["call_rank"].null_count() == neutral.height


def test_a_run_that_does_not_record_every_refusal_trades_the_same(made):
    bars, vix, inputs = made
    of_a_year = inputs.filter(pl.col("date") < date(2018, 1, 1))
    plans, priced = always(of_a_year, "bull_put_spread", RULES), make_market(bars, vix)
    whole, brief = (
        run_backtest(*plans, priced, BacktestRules(), every_refusal=each) for each in (True, False)
    )
    assert brief.trades.equals(whole.trades)
    assert brief.equity.equals(whole.equity)
    left_out = whole.refusals.join(brief.refusals, on="plan_id", how="anti")
    without_room = pl.col("rule").is_in(["MAX_POSITIONS", "MAX_POSITIONS_TICKER"])
    assert left_out.filter(without_room)["plan_id"].n_unique() == left_out["plan_id"].n_unique() > 0
