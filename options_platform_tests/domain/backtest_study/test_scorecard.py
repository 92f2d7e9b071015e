from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import BACKTEST_SCORES
from options_platform.domain.backtest import BacktestRules, run_backtest
from options_platform.domain.backtest.trade_metrics import trade_metrics
from options_platform.domain.backtest_study.scorecard import (
    Curve,
    against_seed,
    curves_of,
    excess_returns,
    scorecard,
)
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.statistics.curve import curve_metrics
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.domain.backtest.small import DAYS, market


@pytest.fixture(scope="module")
def flat():
    return market({"SPY": [100.0] * len(DAYS)})


@pytest.fixture(scope="module")
def real_run():
    from datetime import date

    from options_platform.domain.backtest import make_market

    bars, vix = random_market(("QQQ", "SPY"), date(2015, 1, 2), date(2016, 12, 30))
    traded = make_market(bars, vix)
    plans = build_plans(plan_inputs(bars, vix), PlanRules())
    rules = BacktestRules()
    band = {
        name: run_backtest(*plans, traded, replace(rules, fills=replace(rules.fills, model=name)))
        for name in ("mid", "default", "worst")
    }
    return traded, band


def test_ruin_is_one_total_loss_and_zero_returns_afterwards(flat):
    equity = np.full(len(DAYS), 100.0)
    equity[1], equity[2:] = 50.0, -10.0
    returns = excess_returns(equity, flat)
    assert returns[:3].tolist() == [-0.5, -1.0, 0.0]
    assert not returns[3:].any()
    card = scorecard([Curve("model", "default", "model", equity)], flat)
    assert card["ruined_on"].to_list() == [DAYS[2]]
    assert card["sharpe"].to_list() == card["cagr"].to_list() == [None]


def test_an_account_down_to_a_tenth_stays_ruined_even_if_it_recovers(flat):
    recovery = np.linspace(500.0, 900.0, len(DAYS) - 3)
    recovery[::2] *= 0.5
    equity = np.concatenate([[100_000.0, 40_000.0, 10_000.0], recovery])
    assert excess_returns(equity, flat)[:3].tolist() == [-0.6, -1.0, 0.0]
    card = scorecard([Curve("model", "default", "model", equity)], flat)
    assert card.select("ruined_on", "sharpe", "cagr").row(0) == (DAYS[2], None, None)
    equity[2:] = 10_001.0
    assert scorecard([Curve("model", "default", "model", equity)], flat)["ruined_on"].item() is None


def test_buy_and_hold_is_not_ruined_by_a_deep_fall(flat):
    equity = np.full(len(DAYS), 100_000.0)
    equity[2:] = 6_000.0
    equity[-1] = 200_000.0
    card = scorecard([Curve("hold_X", "default", "hold", equity)], flat)
    assert card["ruined_on"].item() is None
    assert card["equity_usd"].item() == 200_000.0
    assert card["sharpe"].item() is not None


def test_the_scorecard_shows_the_computed_metrics(real_run):
    traded, band = real_run
    holdings = {"SPY": np.linspace(100_000.0, 120_000.0, len(traded.sessions))}
    card = scorecard(
        curves_of(band, {"shuffled_signal": {"default": band["worst"]}}, holdings, "default"),
        traded,
    )
    assert ["run", *card.columns, "rule_set"] == BACKTEST_SCORES.schema.names()
    row = card.row(1, named=True)
    assert (row["name"], row["fill_model"]) == ("model", "default")
    equity = band["default"].equity["equity_usd"].to_numpy()
    wanted = vars(curve_metrics(traded.sessions, equity)) | vars(trade_metrics(band["default"]))
    for name in ("sharpe", "cagr", "max_drawdown", "win_rate", "profit_factor", "expectancy_usd"):
        assert row[name] == pytest.approx(wanted[name])
    assert row["sharpe_low"] < row["sharpe"] < row["sharpe_high"]
    assert row["win_rate_low"] < row["win_rate"] < row["win_rate_high"]
    # A baseline is compared with the model under the same fill model.
    baseline = card.filter(card["name"] == "shuffled_signal").row(0, named=True)
    assert baseline["sharpe_gain"] == pytest.approx(row["sharpe"] - card["sharpe"][2])
    assert baseline["sharpe_gain_low"] <= baseline["sharpe_gain"] <= baseline["sharpe_gain_high"]
    assert card.filter(card["kind"] == "hold")["trades"].to_list() == [None]


def test_a_target_is_met_only_if_it_is_exceeded(real_run):
    traded, band = real_run
    card = scorecard(curves_of(band, {}, {}, "default"), traded)
    targets = against_seed(card)
    assert targets.height == 9
    assert set(targets["metric"]) == {"sharpe", "win_rate", "profit_factor"}
    assert (targets["met"] == (targets["value"] > targets["target"])).all()
    nothing = card.with_columns(sharpe=pl.lit(None, pl.Float64))
    unknown = against_seed(nothing).filter(metric="sharpe")
    assert unknown["met"].to_list() == [False] * 3
