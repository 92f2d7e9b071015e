"""The asset `backtest` on the home of a finished backfill."""

import shutil
from dataclasses import replace

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    ACCOUNT_SET_SCORES,
    BACKTEST_CURVES,
    BACKTEST_DECISIONS,
    BACKTEST_EQUITY,
    BACKTEST_SCORES,
    BACKTEST_TRADES,
    RULE_SET_SCORES,
    TRIALS,
)
from options_platform.definitions import build_defs
from options_platform.defs.backtest.assets import BacktestConfig
from options_platform.defs.jobs import BACKTEST_JOB_NAME
from options_platform.domain.checks.backtest import BACKTEST_RULES
from options_platform_tests.adopted_fits import adopt_fits


@pytest.fixture(scope="module")
def settings(simulated_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("backtest") / "home"
    home.mkdir()
    shutil.copy(simulated_home.warehouse_path, home / "warehouse.duckdb")
    return replace(simulated_home, home=home)


@pytest.fixture(scope="module")
def warehouse(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=10.0)


def run(platform, *, ok=True, **config):
    job = build_defs(platform).resolve_job_def(BACKTEST_JOB_NAME)
    outcome = job.execute_in_process(
        run_config=dg.RunConfig({"backtest": BacktestConfig(**config)}), raise_on_error=False
    )
    assert outcome.success is ok
    return outcome


@pytest.fixture(scope="module")
def outcome(settings):
    return run(settings)


def test_a_run_fills_its_tables_and_passes_its_checks(outcome, warehouse):
    checks = outcome.get_asset_check_evaluations()
    assert {check.check_name for check in checks} == {rule.name for rule in BACKTEST_RULES}
    assert all(check.passed for check in checks)
    equity, trades = warehouse.read(BACKTEST_EQUITY), warehouse.read(BACKTEST_TRADES)
    assert equity["fill_model"].unique().sort().to_list() == ["default", "mid", "worst"]
    assert equity["run"].unique().to_list() == ["configured"]
    assert trades.height > 10
    curves = warehouse.read(BACKTEST_CURVES)
    model = curves.filter(pl.col("name") == "model").sort("date")["equity_usd"]
    default = equity.filter(pl.col("fill_model") == "default").sort("date")["equity_usd"]
    assert model.equals(default)
    assert set(curves["name"]) == set(warehouse.read(BACKTEST_SCORES)["name"])


def test_the_rule_trace_has_every_decision(outcome, warehouse):
    ledger = warehouse.read(BACKTEST_DECISIONS)
    plans = ledger.filter(pl.col("step") < 100)
    refused = plans.filter(pl.col("outcome") == "refused").group_by("date", "ticker").len()
    assert refused["len"].max() == 1
    account = ledger.filter(pl.col("step") == 100)
    assert account["outcome"].unique().to_list() in ([], ["refused"])
    assert plans["rule"].n_unique() == 19


def test_the_results_of_a_run_are_in_its_metadata(outcome):
    (event,) = outcome.asset_materializations_for_node("backtest")
    metadata = event.metadata
    assert metadata["run"].value == "configured"
    assert metadata["chain_source"].value == "synthetic"
    assert "sharpe_low" in metadata["scores"].value
    assert "profit_factor" in metadata["targets"].value
    for plot in ("equity", "drawdown"):
        assert metadata[plot].value.startswith(f"![{plot}](data:image/png;base64,")


@pytest.mark.long
def test_a_home_with_adopted_fits_is_backtested_on_them(
    outcome, simulated_home, warehouse, tmp_path
):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(simulated_home.warehouse_path, home / "warehouse.duckdb")
    settings = replace(simulated_home, home=home)
    adopt_fits(settings)
    run(settings)
    learned = Warehouse(settings.warehouse_path, wait_seconds=10.0)
    assert not learned.read(BACKTEST_TRADES).equals(warehouse.read(BACKTEST_TRADES))
    trials = [
        home.read(TRIALS).filter(pl.col("target") == "backtest") for home in (warehouse, learned)
    ]
    assert trials[0]["parameters"].to_list() == trials[1]["parameters"].to_list()
    assert trials[0]["data_hash"].to_list() != trials[1]["data_hash"].to_list()


@pytest.mark.long
def test_a_run_of_another_name_is_added_and_a_repeated_one_replaced(outcome, settings, warehouse):
    before = warehouse.read(BACKTEST_TRADES)
    for stop in ("3.0", "1.0"):
        run(settings, run="tight", settings=[f"exits.credit_stop={stop}", "fills.model=mid"])
    after = warehouse.read(BACKTEST_TRADES)
    assert after.filter(pl.col("run") == "configured").equals(before)
    scores = warehouse.read(BACKTEST_SCORES).filter(pl.col("run") == "tight")
    assert scores.filter(pl.col("kind") == "hold")["fill_model"].unique().to_list() == ["mid"]
    tried = warehouse.read(TRIALS).filter(pl.col("target") == "backtest")
    assert tried.height >= 2
    assert tried["trial_id"].n_unique() == tried.height


@pytest.mark.long
def test_with_budgets_the_account_is_tested_with_all_its_sets_and_each_set_alone(
    simulated_home, tmp_path
):
    shutil.copy(simulated_home.warehouse_path, tmp_path / "warehouse.duckdb")
    shares = {"premium_ladder": 0.4, "plan": 0.6}
    few = replace(simulated_home.backtest, baseline_seeds=1)
    outcome = run(replace(simulated_home, home=tmp_path, budgets=shares, backtest=few))
    checks = {check.check_name: check.passed for check in outcome.get_asset_check_evaluations()}
    assert checks.pop("trades_made") is not None
    assert set(checks.values()) == {True}
    home = Warehouse(tmp_path / "warehouse.duckdb", wait_seconds=10.0)
    parts, alone = home.read(ACCOUNT_SET_SCORES), home.read(RULE_SET_SCORES)
    assert set(parts["rule_set"]) == {"plan+premium_ladder", *shares}
    assert set(alone["rule_set"]) == set(shares)
    equity, trades = home.read(BACKTEST_EQUITY), home.read(BACKTEST_TRADES)
    assert set(equity["run"]) == {"account", "configured"}
    of_account = trades.filter(pl.col("run") == "account")
    assert set(of_account["rule_set"]) <= set(shares)
    made = parts.filter(part="account", fill_model="mid")["trades"].item()
    closed = of_account.filter(pl.col("fill_model") == "mid").drop_nulls("closed_on")
    assert closed.height == made > 5
    (event,) = outcome.asset_materializations_for_node("backtest")
    for name in ("account", "each_set_alone"):
        assert "premium_ladder" in event.metadata[name].value
    tried = home.read(TRIALS).filter(pl.col("target") == "backtest")
    # The rules as configured are those of one of the sets.
    assert tried.height == len(shares)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"settings": ["exits.credit_stopp=1"]}, "did you mean exits.credit_stop?"),
        ({"settings": ["exits.credit_stop=1,2"]}, "one value a setting"),
        ({"start": "yesterday"}, "is not a date"),
        ({"run": "account"}, "choose another name"),
    ],
)
def test_an_impossible_configuration_fails_with_its_cause(settings, config, message):
    outcome = run(settings, ok=False, **config)
    (failed,) = [event for event in outcome.all_events if event.is_step_failure]
    assert message in failed.step_failure_data.error.to_string()


def test_the_backtest_has_a_separate_job_and_the_report_follows_it(settings):
    definitions = build_defs(settings)
    assert definitions.resolve_schedule_def("backtest_weekly").job_name == BACKTEST_JOB_NAME
    daily = definitions.resolve_job_def("daily")
    keys = {key.to_user_string() for key in daily.asset_layer.executable_asset_keys}
    assert "backtest" not in keys
    for name in ("reports_after_daily", "reports_after_failed_ticker"):
        assert definitions.get_repository_def().get_sensor_def(name).job_name == "reporting"
