"""A backtest of a home: its data, and grids whose results do not depend on the processes."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.commands.backtests.output import about, say_about
from options_platform.contracts import (
    BACKTEST_REFUSAL_PRICES,
    BACKTEST_REFUSED_TRADES,
    RAW_OHLCV,
    TRADE_PLAN,
    TRIAL_FOLDS,
    TRIALS,
    VIX,
)
from options_platform.domain.backtest_study.baseline_registry import BaselineComparison
from options_platform.domain.backtest_study.choices import make_variants
from options_platform.domain.backtest_study.price_risk import SCENARIOS, scenario_rows
from options_platform.domain.planning.plan import build_plans
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.services.backtesting import baseline_runs as backtest_baselines
from options_platform.services.backtesting.baseline_runs import run_baselines
from options_platform.services.backtesting.membership import hindsight_note, of_members
from options_platform.services.backtesting.run import load_backtest, run_grid, run_with_baselines
from options_platform.services.backtesting.tables import backtest_frames
from options_platform.services.backtesting.trials import backtest_trials, earlier_ratios
from options_platform.services.market_data.yields_and_tenors import stored_dividends
from options_platform.services.planning.plan_tables import market_closes

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def quiet(*_):
    """A progress listener that shows nothing."""


@pytest.fixture(scope="module")
def warehouse(simulated_home, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "warehouse.duckdb"
    shutil.copy(simulated_home.warehouse_path, path)
    return Warehouse(path, wait_seconds=10.0)


@pytest.fixture(scope="module")
def data(warehouse, simulated_home):
    return load_backtest(warehouse, simulated_home.tickers)


def test_plans_from_stored_predictions_are_the_stored_plans(warehouse, simulated_home, data):
    plans, _ = build_plans(data.inputs, simulated_home.plan)
    stored = warehouse.read(TRADE_PLAN, start=data.first, end=data.last)
    assert plans.sort("date", "ticker").equals(stored)
    assert (plans["decision"] == "trade").sum() > 5
    assert data.inputs.filter(pl.col("date") == data.first)["direction"].null_count() < 2


def test_a_ticker_is_planned_from_the_day_of_its_membership_on(simulated_home, data):
    day = data.market.sessions[len(data.market.sessions) // 2]
    settings = replace(simulated_home, members_since={"QQQ": day})
    members = of_members(data, settings)
    assert members.inputs.filter(ticker="QQQ")["date"].min() == day
    assert members.inputs.filter(ticker="SPY").equals(data.inputs.filter(ticker="SPY"))
    assert of_members(data, simulated_home).inputs is data.inputs


def test_a_backtest_says_which_stocks_were_chosen_in_hindsight(simulated_home, data, capsys):
    assert of_members(data, simulated_home).hindsight == ()
    assert hindsight_note(()) is None
    say_about(data)
    assert "hindsight" not in capsys.readouterr().out
    of_stocks = replace(data, hindsight=("AAPL", "KO"))
    say_about(of_stocks)
    assert "Chosen in hindsight: AAPL, KO." in capsys.readouterr().out
    assert about(of_stocks)["hindsight"] == ["AAPL", "KO"]


def test_a_range_without_predictions_is_refused(warehouse, data):
    with pytest.raises(UsageError, match=f"stored from {data.first} to {data.last}"):
        load_backtest(warehouse, ("SPY", "QQQ"), end=date(2015, 1, 5))
    with pytest.raises(IncompleteDataError, match="no predictions for IWM"):
        load_backtest(warehouse, ("IWM",))


def test_backtest_and_daily_run_expect_the_same_dividend_from_all_stored_ones(
    warehouse, simulated_home, tmp_path
):
    copy = Warehouse(tmp_path / "warehouse.duckdb", wait_seconds=10.0)
    shutil.copy(warehouse.path, copy.path)
    bars = copy.read(RAW_OHLCV)
    number = pl.int_range(pl.len()).over("ticker", order_by="date")
    copy.write(
        [
            (
                RAW_OHLCV,
                bars.with_columns(
                    dividend=pl.when(number % 63 == 0).then(0.5 + number / 1000).otherwise(0.0)
                ),
            )
        ]
    )
    days = bars["date"].unique().sort()
    late = load_backtest(copy, simulated_home.tickers, start=days[-20]).market
    for at, day in enumerate(late.sessions):
        live = market_closes(
            copy.read(RAW_OHLCV, start=day, end=day),
            copy.read(VIX, start=day, end=day),
            dividends=stored_dividends(copy, end=day),
        )[day]
        for column, ticker in enumerate(late.tickers):
            coming = live[ticker].next_dividend
            assert coming.amount == late.next_dividend[at, column] > 0.5
            assert coming.sessions_ahead == late.sessions_to_ex_date[at, column]


def test_several_processes_give_the_results_of_one(simulated_home, data):
    texts = ["exits.credit_stop=1,2", "plan.sizing.risk_pct=0.01,0.03"]
    variants, _ = make_variants(texts, simulated_home.plan, simulated_home.backtest_rules)
    progress = []
    one = run_grid(variants, data, 1, quiet)
    two = run_grid(variants, data, 2, lambda *done: progress.append(done))
    assert [score.variant.name for score in two] == [variant.name for variant in variants]
    assert progress[-1] == ("variants", 4, 4)
    for left, right in zip(one, two, strict=True):
        assert np.array_equal(left.equity, right.equity)
        assert left.trades.trades == right.trades.trades > 0


def test_every_variant_is_recorded_as_a_trial_once(tmp_path, warehouse, simulated_home, data):
    variants, _ = make_variants(
        ["exits.credit_stop=1,2,3"], simulated_home.plan, simulated_home.backtest_rules
    )
    scores = run_grid(variants, data, 1, quiet)
    log = TrialLog(tmp_path, warehouse)
    assert earlier_ratios(warehouse, []) == []
    assert log.record_all(backtest_trials(scores, data, "choice", NOW)) == 3
    assert log.record_all(backtest_trials(scores[:2], data, "choice", NOW)) == 0
    stored = warehouse.read(TRIALS).filter(pl.col("target") == "backtest")
    assert stored.height == 3
    months = warehouse.read(TRIAL_FOLDS).join(
        stored.select("trial_id", total="rows"), on="trial_id"
    )
    assert (
        months.group_by("trial_id")
        .agg(pl.col("rows").sum(), pl.col("total").first())
        .filter(pl.col("rows") != pl.col("total"))
        .is_empty()
    )
    # Those of the grid at hand are no earlier ones; the third is.
    assert earlier_ratios(warehouse, variants[:2]) == pytest.approx([-stored.filter(
        pl.col("model") == variants[2].name)["loss"].item()])  # fmt: skip


@pytest.mark.long
def test_a_run_has_its_baselines_under_every_fill_model(simulated_home, data):
    progress = []
    run = run_with_baselines(
        data, simulated_home.plan, simulated_home.backtest_rules,
        lambda *done: progress.append(done), seeds=3,
    )  # fmt: skip
    assert run.scores.filter(pl.col("kind") == "model")["fill_model"].to_list() == [
        "mid", "default", "worst",
    ]  # fmt: skip
    assert run.scores["name"].n_unique() == 1 + 7 + 2
    fills = dict(run.scores.group_by("name").agg(pl.col("fill_model").n_unique()).iter_rows())
    drawn = {"random_direction", "shuffled_signal"}
    assert {name for name, count in fills.items() if count == 1} == drawn | {"hold_QQQ", "hold_SPY"}
    assert set(fills.values()) == {1, 3}
    assert run.model is run.band["default"]
    # The model has no gain over itself.
    assert run.scores["sharpe_gain"].null_count() == 3
    assert progress[-1] == ("backtests", 18, 18)
    assert run.refusals.result.equity.equals(run.model.equity)
    frames = {table.name: rows for table, rows in backtest_frames(run, "mine")}
    refused, prices = frames["backtest_refused_trades"], frames["backtest_refusal_prices"]
    assert refused.height == run.refusals.trades.height > 100
    assert prices.filter(scope="alone")["refused"].sum() == refused.height
    for table in (BACKTEST_REFUSED_TRADES, BACKTEST_REFUSAL_PRICES):
        table.validate(frames[table.name])
    assert run.draws.select("name", "seed").rows() == [
        (name, seed) for name in ("random_direction", "shuffled_signal") for seed in range(3)
    ]
    assert run.bands["draws"].to_list() == [3, 3]
    # Of the draws the one in the middle stands in the scorecard.
    for name in drawn:
        ratios = run.draws.filter(pl.col("name") == name)["sharpe"].sort()
        shown = run.scores.filter(pl.col("name") == name)["sharpe"].item()
        assert shown == ratios[1]


@pytest.mark.long
def test_draws_in_several_processes_are_those_of_one(simulated_home, data, monkeypatch):
    monkeypatch.setattr(backtest_baselines, "WORTH_PROCESSES", 0)
    rules = simulated_home.backtest_rules
    own = BaselineComparison(data.inputs, data.market, simulated_home.plan, rules)
    beside = [partial(scenario_rows, name="iv_minus_1pt", scenario=SCENARIOS["iv_minus_1pt"])]
    one, two = (run_baselines(own, 2, workers, lambda: None, beside) for workers in (1, 2))
    assert one.draws.equals(two.draws)
    assert one.beside[0].equals(two.beside[0])
    for name, results in one.results.items():
        for fill, result in results.items():
            assert result.equity.equals(two.results[name][fill].equity)
            assert result.trades.equals(two.results[name][fill].trades)
