"""`backtest` as a user runs it, on the home of a finished backfill."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import TRIALS
from options_platform.domain.backtest.results import HELD_NOTE
from options_platform_tests.adopted_fits import adopt_fits
from options_platform_tests.printed import flat


@pytest.fixture
def home(simulated_home, tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(simulated_home.warehouse_path, folder / "warehouse.duckdb")
    for name, value in {
        "HOME": folder, "SOURCE": "simulated", "TICKERS": "SPY,QQQ", "START": simulated_home.start,
        "END": simulated_home.end, "ACCOUNT_VALUE_USD": "1000000",
        "BACKTEST__BASELINE_SEEDS": "4",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return folder


def test_a_run_shows_the_band_the_baselines_and_the_targets(home, capsys):
    assert main(["backtest"]) == 0
    shown = capsys.readouterr()
    for text in ("mid", "worst", "always_bull_put", "oracle_direction", "hold_SPY", "MISSED",
                 "on synthetic chains", "cash earns no interest", "p_value", "without_neutral",
                 "No confident call was traded", "with one vol point less",
                 "vol points as shipped", "]*", "What each gate saved", "trades that were made",
                 "saved_r", "NO_EDGE "):  # fmt: skip
        assert text in shown.out
    assert "is priced on" not in shown.out
    assert "backtests 20/20" in shown.err


@pytest.mark.long
def test_a_home_with_adopted_fits_is_backtested_on_them_and_counts_no_new_variant(
    home, simulated_home, capsys
):
    settings = replace(simulated_home, home=home)
    single = ["backtest", "--tickers", "SPY", "--json"]
    grid = [*single, "--workers", "2", "--vary", "plan.chain.surface.learn=true,false"]
    assert main(single) == 0
    without = json.loads(capsys.readouterr().out)
    adopt_fits(settings)
    assert main(single) == 0
    learned = json.loads(capsys.readouterr().out)
    assert learned["scores"] != without["scores"]
    trials = Warehouse(home / "warehouse.duckdb", wait_seconds=10.0).read(TRIALS)
    tried = trials.filter(pl.col("target") == "backtest")
    assert tried["parameters"].n_unique() == 1
    assert tried["data_hash"].n_unique() == tried.height == 2
    assert main(grid) == 0
    found = json.loads(capsys.readouterr().out)
    # The rules as they are learn, and are one of the two.
    assert found["trials"] == len(found["variants"]) == 2
    sharpe = {row["variant"]: row["sharpe"] for row in found["variants"]}
    for name, run in (("True", learned), ("False", without)):
        (model,) = (
            row
            for row in run["scores"]
            if row["name"] == "model" and row["fill_model"] == "default"
        )
        assert sharpe[f"plan.chain.surface.learn={name}"] == pytest.approx(model["sharpe"])


@pytest.mark.long
def test_a_search_runs_on_a_home_with_adopted_fits(home, simulated_home, capsys):
    pytest.importorskip("optuna")
    adopt_fits(replace(simulated_home, home=home))
    arguments = ["backtest", "--optuna", "2", "--vary", "exits.credit_stop=1..3", "--json"]
    assert main([*arguments, "--tickers", "SPY"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 2


def test_json_has_every_score_with_its_interval(home, capsys):
    assert main(["backtest", "--json", "--fill", "worst", "--tickers", "SPY"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tickers"] == ["SPY"]
    assert found["chain_source"] == "synthetic"
    assert found["iv_symbols"] == {"SPY": "VIX"}
    names = {(row["name"], row["fill_model"]) for row in found["scores"]}
    assert {("model", "mid"), ("model", "worst"), ("put_write", "worst")} <= names
    assert {row["name"]: row["draws"] for row in found["draws"]} == {
        "random_direction": 4, "shuffled_signal": 4,
    }  # fmt: skip
    assert all(1 / 5 <= row["p_value"] <= 1.0 for row in found["draws"])
    assert {row["scenario"] for row in found["price_risk"]} == {
        "as_measured", "iv_minus_1pt", "iv_minus_8pct", "error_band_low", "error_band_high",
    }  # fmt: skip
    assert {row["target"] for row in found["targets"]} == {1.0, 0.55, 1.3}
    priced = {row["gate"]: row for row in found["refusals"] if row["scope"] == "alone"}
    (model,) = (row for row in found["scores"] if row["name"] == "model"
                and row["fill_model"] == "worst")  # fmt: skip
    # Closed trades that expire after the last session have no part in the price.
    own = priced["MADE"]
    assert 0 < own["followed"] <= model["trades"] <= own["followed"] + own["not_followed"]
    added = {row["period"]: row["trades"] for row in found["confident_trades"]}
    assert added == {"all": 0, "to 2020": 0, "2021 on": 0}


def test_the_price_of_refusals_alone_is_shown_for_one_run(home, capsys):
    one = ["backtest", "--refusals", "--tickers", "SPY", "--set", "exits.exit_dte=7"]
    assert main(one) == 0
    shown = capsys.readouterr().out
    for text in ("What each gate saved", "LOW_CONFIDENCE", "too few", "trades that were made"):
        assert text in shown
    assert "hold_SPY" not in shown
    assert main([*one, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == "exits.exit_dte=7"
    assert {row["scope"] for row in found["refusals"]} <= {"alone", "first"}
    assert main(["backtest", "--refusals", "--vary", "exits.exit_dte=7,14"]) == 2
    assert "leave out --vary" in capsys.readouterr().err


@pytest.mark.long
def test_the_trades_that_the_level_of_confidence_adds_are_shown_apart(home, capsys, monkeypatch):
    monkeypatch.setenv("OPTIONS_BACKTEST__BASELINE_SEEDS", "1")
    # The simulated history is short: fewer calls have to do, and all of them count.
    monkeypatch.setenv("OPTIONS_PLAN__SELECTION__FEWEST_CALLS", "5")
    monkeypatch.setenv("OPTIONS_PLAN__SELECTION__CONFIDENT_SHARE", "1")
    assert main(["backtest"]) == 0
    shown = capsys.readouterr().out
    assert "Trades of confident calls in the neutral regime" in shown
    (row,) = (line for line in shown.splitlines() if line.startswith("to 2020"))
    assert int(row.split()[2]) > 0


@pytest.mark.long
def test_a_grid_of_accounts_shows_what_their_size_does(home, capsys):
    accounts = ["backtest", "--workers", "1", "--vary", "account_value_usd=10000,1000000"]
    assert main(accounts) == 0
    shown = capsys.readouterr().out
    heading, table = shown.partition("By account, the smallest first")[1:]
    # On a narrow screen a column's name takes several lines.
    assert heading
    assert {"refused_", "by_budget", "risk_as_", "10,000"} <= set(table.split())
    assert "nan" not in shown
    assert main([*accounts, "--json"]) == 0
    small, large = json.loads(capsys.readouterr().out)["accounts"]
    assert (small["account_value_usd"], large["account_value_usd"]) == (10_000.0, 1_000_000.0)
    assert small["narrowed"] + small["refused_by_budget"] > 0
    assert large["narrowed"] == large["refused_by_budget"] == 0
    # An account that trades nothing has no risk to show.
    assert all((row["risk_as_sized"] or 0.0) <= 0.02 for row in (small, large))
    assert large["risk_as_sized"] > 0.0
    assert main(["backtest", "--workers", "1", "--vary", "exits.exit_dte=7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accounts"] is None


PATIENT = ("debit_stop", "debit_take_profit", "credit_take_profit", "credit_stop_cap")


@pytest.mark.long
@pytest.mark.parametrize("setting", ["exits=none", "expiry.hold_to_expiry=true"])
def test_figures_of_trades_held_to_expiry_are_marked(home, capsys, monkeypatch, setting):
    monkeypatch.setenv("OPTIONS_BACKTEST__BASELINE_SEEDS", "1")
    patient = ["exits.exit_dte=0", *(f"exits.{name}=9" for name in PATIENT)]
    only = ["--tickers", "SPY", "--set", setting, *(patient if "true" in setting else [])]
    assert main(["backtest", *only]) == 0
    shown = flat(capsys.readouterr().out)
    assert "put_write (" in shown
    assert "model (" in shown
    assert HELD_NOTE in shown
    assert main(["backtest", *only, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["held_to_expiry"]["model"] > 0
    assert main(["backtest", "--tickers", "SPY", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["held_to_expiry"]) == {"put_write"}
    assert main(["backtest", "--workers", "1", "--vary", f"{setting}", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["variants"]
    assert {row["variant"]: row["held_to_expiry"] for row in rows} == {
        "as set": False,
        setting.replace("true", "True"): True,
    }


def test_a_grid_is_counted_and_judged(home, capsys):
    fixed = ["backtest", "--workers", "1", "--set", "exits.debit_stop=0.4"]
    varied = ["--vary", "exits.credit_stop=1,2", "--vary", "exits.exit_dte=7,14"]
    arguments = [*fixed, *varied, "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    # The rules as set are always among the variants.
    assert len(found["variants"]) == found["trials"] == 5
    assert 0.0 <= found["deflated_sharpe"] <= 1.0
    assert 0.0 <= found["overfitting_probability"] <= 1.0
    assert main(["backtest", "--workers", "1", "--vary", "exits.credit_stop=3"]) == 0
    shown = capsys.readouterr().out
    # Five of the first grid, the new variant, and the rules as they are.
    assert "Variants tried so far: 7" in shown
    assert "no walk-forward choice" in shown


@pytest.mark.long
def test_a_search_is_scored_on_the_sessions_after_it(home, capsys):
    pytest.importorskip("optuna")
    arguments = ["backtest", "--optuna", "3", "--vary", "exits.credit_stop=1..3", "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"].startswith("exits.credit_stop=")
    assert found["trials"] == 3
    assert found["searched_to"] < found["last"]


@pytest.mark.long
def test_an_interrupted_search_counts_its_variants(home):
    pytest.importorskip("optuna")
    arguments = ["backtest", "--optuna", "500", "--vary", "exits.credit_stop=1..3"]
    command = [sys.executable, "-m", "options_platform.cli", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as search:
        shown = next(line for line in search.stderr if "variants" in line)
        search.send_signal(signal.SIGINT)
        search.communicate(timeout=120)
    assert "/500" in shown
    assert search.returncode == 130
    tried = Warehouse(home / "warehouse.duckdb").read(TRIALS).filter(target="backtest")
    assert tried.height >= 1
    assert tried["purpose"].unique().to_list() == ["search"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "exits.credit_stopp=1"], "did you mean exits.credit_stop?"),
        (["--vary", "exits.credit_stop=1..3"], "add --optuna N"),
        (["--set", "exits.credit_stop=1,3"], "one value a setting"),
        (["--optuna", "5"], "searches the settings of --vary"),
        (["--optuna", "1", "--vary", "exits.exit_dte=7"], "at least 2"),
        (["--fill", "best"], "must be one of mid, default, worst"),
        (["--tickers", "IWM"], "IWM is not among the tickers"),
        (["--start", "2018-12-31", "--end", "2017-01-03"], "2018-12-31 is after --end 2017-01-03"),
        (["--start", "2030-01-02"], "predictions are stored from"),
    ],
)
def test_an_impossible_request_is_refused_in_one_line(home, capsys, arguments, message):
    assert main(["backtest", *arguments]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_a_home_without_predictions_gives_advice(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "empty"))
    assert main(["backtest"]) == 1
    assert "run: options-platform backfill" in capsys.readouterr().err
