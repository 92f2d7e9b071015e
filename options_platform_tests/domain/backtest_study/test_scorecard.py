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
    own = make_market(bars, vix)
    plans = build_plans(plan_inputs(bars, vix), PlanRules())
    rules = BacktestRules()
    band = {
        name: run_backtest(*plans, own, replace(rules, fills=replace(rules.fills, model=name)))
        for name in ("mid", "default", "worst")
    }
    return own, band


def test_ruin_loses_everything_once_and_then_nothing(flat):
    equity = np.full(len(DAYS), 100.0)
    equity[1], equity[2:] = 50.0, -10.0
    found = excess_returns(equity, flat)
    assert found[:3].tolist() == [-0.5, -1.0, 0.0]
    assert not found[3:].any()
    card = scorecard([Curve("model", "default", "model", equity)], flat)
    assert card["ruined_on"].to_list() == [DAYS[2]]
    assert card["sharpe"].to_list() == card["cagr"].to_list() == [None]


def test_an_account_of_which_a_tenth_is_left_is_ruined_however_it_jumps(flat):
    rest = np.linspace(500.0, 900.0, len(DAYS) - 3)
    rest[::2] *= 0.5
    equity = np.concatenate([[100_000.0, 40_000.0, 10_000.0], rest])
    assert excess_returns(equity, flat)[:3].tolist() == [-0.6, -1.0, 0.0]
    card = scorecard([Curve("model", "default", "model", equity)], flat)
    assert card.select("ruined_on", "sharpe", "cagr").row(0) == (DAYS[2], None, None)
    equity[2:] = 10_001.0
    assert scorecard([Curve("model", "default", "model", equity)], flat)["ruined_on"].item() is None


def test_what_is_held_is_never_resized_and_so_not_ruined_by_a_deep_fall(flat):
    equity = np.full(len(DAYS), 100_000.0)
    equity[2:] = 6_000.0
    equity[-1] = 200_000.0
    card = scorecard([Curve("hold_X", "default", "hold", equity)], flat)
    assert card["ruined_on"].item() is None
    assert card["equity_usd"].item() == 200_000.0
    assert card["sharpe"].item() is not None


def test_a_card_says_what_the_metrics_say(real_run):
    own, band = real_run
    held = {"SPY": np.linspace(100_000.0, 120_000.0, len(own.sessions))}
    card = scorecard(
        curves_of(band, {"shuffled_signal": {"default": band["worst"]}}, held, "default"), own
    )
    assert ["run", *card.columns] == BACKTEST_SCORES.schema.names()
    row = card.row(1, named=True)
    assert (row["name"], row["fill_model"]) == ("model", "default")
    equity = band["default"].equity["equity_usd"].to_numpy()
    wanted = vars(curve_metrics(own.sessions, equity)) | vars(trade_metrics(band["default"]))
    for name in ("sharpe", "cagr", "max_drawdown", "win_rate", "profit_factor", "expectancy_usd"):
        assert row[name] == pytest.approx(wanted[name])
    assert row["sharpe_low"] < row["sharpe"] < row["sharpe_high"]
    assert row["win_rate_low"] < row["win_rate"] < row["win_rate_high"]
    # A baseline is compared with the model under its own fill model.
    baseline = card.filter(card["name"] == "shuffled_signal").row(0, named=True)
    assert baseline["sharpe_gain"] == pytest.approx(row["sharpe"] - card["sharpe"][2])
    assert baseline["sharpe_gain_low"] <= baseline["sharpe_gain"] <= baseline["sharpe_gain_high"]
    assert card.filter(card["kind"] == "hold")["trades"].to_list() == [None]


def test_targets_are_met_only_above_them(real_run):
    own, band = real_run
    card = scorecard(curves_of(band, {}, {}, "default"), own)
    found = against_seed(card)
    assert found.height == 9
    assert set(found["metric"]) == {"sharpe", "win_rate", "profit_factor"}
    assert (found["met"] == (found["value"] > found["target"])).all()
    nothing = card.with_columns(sharpe=pl.lit(None, pl.Float64))
    unknown = against_seed(nothing).filter(metric="sharpe")
    assert unknown["met"].to_list() == [False] * 3
