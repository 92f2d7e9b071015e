from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import BACKTEST_PRICE_RISK
from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest.results import SETTLED
from options_platform.domain.backtest_study.baseline_registry import BASELINES, BaselineComparison
from options_platform.domain.backtest_study.baselines import always
from options_platform.domain.backtest_study.error_band import HIGHER, LOWER, OWN_ERRORS
from options_platform.domain.backtest_study.price_risk import (
    AS_MEASURED,
    BESIDE,
    SCENARIOS,
    Scenario,
    measured_rows,
    rests_on_surface,
    scenario_runs,
    scenarios,
    sentence,
    with_scenario,
)
from options_platform.domain.backtest_study.scorecard import curves_of, scorecard
from options_platform.domain.backtest_study.variants import run_variants, vary
from options_platform.domain.chain import ChainRules, SurfaceRules, Underlying, surface_iv
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs


@pytest.fixture(scope="module")
def comparison():
    bars, vix = random_market(("QQQ", "SPY"), date(2016, 1, 4), date(2017, 12, 29))
    plan = PlanRules(
        selection=SelectionRules(iron_condor_enabled=True),
        sizing=SizingRules(account_value_usd=1_000_000.0),
    )
    rules = BacktestRules(start_usd=1_000_000.0)
    return BaselineComparison(plan_inputs(bars, vix), make_market(bars, vix), plan, rules)


@pytest.fixture(scope="module")
def scores(comparison):
    fill = comparison.rules.fills.model
    variants = vary(comparison.plan, comparison.rules, {})
    ((_, model),) = run_variants(variants, comparison.inputs, comparison.market)
    baselines = {name: BASELINES[name].run(comparison) for name in BESIDE}
    curves = curves_of({fill: model}, baselines, {}, fill)
    return scorecard(curves, comparison.market)


NOT_MEASURED = pl.DataFrame(schema=OWN_ERRORS)


def measured(**points):
    rows = [
        {"ticker": ticker, "by_fit": False, "legs": 2, "error_points": error, "sessions": 3}
        for ticker, error in points.items()
    ]
    return pl.DataFrame(rows, schema=OWN_ERRORS)


@pytest.fixture(scope="module")
def rows(comparison, scores):
    runs = scenario_runs(NOT_MEASURED, comparison.market.tickers)
    return pl.concat([measured_rows(comparison, scores), *(run(comparison) for run in runs)])


def test_a_scenario_moves_the_prices_of_plans_and_of_the_market_alike(comparison):
    moved = with_scenario(comparison, SCENARIOS["iv_minus_1pt"])
    assert moved.plan.chain.surface.iv_points == -1.0
    assert moved.rules.chain == moved.plan.chain
    again = with_scenario(moved, Scenario(iv_scale=0.92))
    assert again.plan.chain.surface.iv_points == pytest.approx(-0.92)
    assert again.plan.chain.surface.iv_scale == pytest.approx(0.92)
    assert again.market is comparison.market


def test_the_band_moves_each_ticker_by_its_own_error_down_and_up(comparison):
    band = scenarios(measured(SPY=0.5, QQQ=5.9), ("QQQ", "SPY"))
    count = 2
    spot, index, days = np.full(count, 200.0), np.full(count, 0.2), np.full(count, "2024-03-04")
    both = Underlying.of(["QQQ", "SPY"], days.astype("datetime64[D]"), spot, index)
    years, strike = np.full(count, 30 / 365), np.full(count, 190.0)
    for name, sign in ((LOWER, -1.0), (HIGHER, 1.0)):
        assert band[name].iv_points == pytest.approx(sign * 3.2)
        plain, moved = (
            surface_iv(both, strike, years, own.plan.chain.surface, carry=0.0)
            for own in (comparison, with_scenario(comparison, band[name]))
        )
        assert 100 * (moved - plain) == pytest.approx([sign * 5.9, sign * 0.5])
        assert with_scenario(comparison, band[name]).rules.chain.surface.points


def test_a_band_of_one_error_for_all_tickers_is_that_of_as_many_points(comparison):
    band = with_scenario(comparison, scenarios(measured(SPY=1.0, QQQ=1.0), ("QQQ", "SPY"))[LOWER])
    lower = with_scenario(comparison, SCENARIOS["iv_minus_1pt"])
    by_ticker, by_points = (
        BASELINES["always_bull_put"].run(moved)["default"].trades for moved in (band, lower)
    )
    assert by_ticker.equals(by_points)


def test_a_ticker_that_only_a_baseline_trades_is_moved_by_the_largest_error():
    band = scenarios(measured(SPY=0.5, QQQ=5.9), ("IWM", "QQQ", "SPY"))
    assert band[HIGHER].by_ticker == {"IWM": 5.9, "QQQ": 5.9, "SPY": 0.5}


def test_every_result_has_its_rows_and_as_measured_those_of_the_run(rows, scores):
    names = ["model", *BESIDE]
    assert rows.select("name", "scenario").n_unique() == len(names) * len(SCENARIOS) == rows.height
    assert ["run", *rows.columns, "rule_set"] == BACKTEST_PRICE_RISK.schema.names()
    measured = rows.filter(pl.col("scenario") == AS_MEASURED).sort("name")
    wanted = scores.filter(pl.col("name").is_in(names)).sort("name")
    shared = ["name", "trades", "sharpe", "cagr", "equity_usd"]
    assert measured.select(shared).equals(wanted.select(shared))


@pytest.mark.parametrize("scenario", ["iv_minus_1pt", "iv_minus_8pct"])
def test_the_same_put_held_to_expiry_earns_less_by_what_it_was_sold_for_less(comparison, scenario):
    """What a put settles at does not depend on the surface."""
    moved = with_scenario(comparison, SCENARIOS[scenario])
    plain, lower = (
        # One that is exercised early depends on the surface after all.
        BASELINES["put_write"].run(own)["default"].trades.filter(pl.col("exit_reason") == SETTLED)
        for own in (comparison, moved)
    )
    both = plain.join(lower, on="plan_id", suffix="_lower")
    assert both.height > 8
    credit, less = -both["entry_price"], -both["entry_price_lower"]
    assert (less < credit).all()
    lost = (both["pnl_usd"] / both["contracts"]) - (both["pnl_usd_lower"] / both["contracts_lower"])
    assert lost.to_numpy() == pytest.approx(100.0 * (credit - less).to_numpy(), abs=0.02)


def test_entries_and_marks_are_run_anew_at_the_lower_prices(comparison):
    """The scenario is the same as a backtest on a surface that was lower from the start."""
    moved = with_scenario(comparison, SCENARIOS["iv_minus_8pct"])
    chain = ChainRules(surface=SurfaceRules(iv_scale=0.92))
    plan = replace(comparison.plan, chain=chain)
    rules = replace(comparison.rules, chain=chain)
    own = BASELINES["always_bull_put"].run(moved)["default"]
    wanted = run_backtest(
        *always(comparison.inputs, "bull_put_spread", plan), comparison.market, rules
    )
    assert own.trades.equals(wanted.trades)
    assert own.marks.equals(wanted.marks)
    plain = BASELINES["always_bull_put"].run(comparison)["default"]
    credit = [-result.trades["entry_price"].mean() for result in (own, plain)]
    assert credit[0] != credit[1]


def table(**ratios):
    return pl.DataFrame(
        [
            {"name": "model", "scenario": name, "sharpe": value, "sharpe_low": low,
             "sharpe_high": high}
            for name, (value, low, high) in ratios.items()
        ],
        schema_overrides=dict.fromkeys(("sharpe", "sharpe_low", "sharpe_high"), pl.Float64),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one_point", "eight", "rests"),
    [
        ((0.40, 0.05, 0.8), (0.45, 0.06, 0.8), False),
        # The interval excludes zero only as measured.
        ((0.40, -0.05, 0.8), (0.45, 0.06, 0.8), True),
        # More than 0.2 less.
        ((0.29, 0.01, 0.5), (0.45, 0.06, 0.8), True),
        ((0.45, 0.06, 0.8), (None, None, None), True),
    ],
)
def test_a_result_that_changes_with_the_prices_rests_on_the_surface(one_point, eight, rests):
    verdict = rests_on_surface(
        table(as_measured=(0.5, 0.1, 0.9), iv_minus_1pt=one_point, iv_minus_8pct=eight)
    )
    assert verdict["rests_on_surface"].to_list() == [rests]
    text = sentence(verdict.row(0, named=True))
    assert text.startswith(f"model: Sharpe 0.50 ({one_point[0]:.2f} with one vol point less, ")
    assert text.endswith("rests on the surface") is rests
