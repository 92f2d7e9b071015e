"""`backtest --rule-sets`: sets side by side, each with its interval, its cases and its trials."""

import json
import shutil
from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import RULE_SET_CURVES, RULE_SET_SCORES, TRIALS
from options_platform.contracts.rule_sets import AS_SET, HELD
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.reporting.report import render
from options_platform.settings import load_settings

CASES = {AS_SET, "fill_mid", "fill_worst", "iv_minus_1pt", "iv_minus_8pct", HELD}
NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)


@pytest.fixture
def home(simulated_home, tmp_path, monkeypatch):
    """A backfilled home with two sets of its own, one with the rules of the plan."""
    folder = tmp_path / "home"
    (folder / "rule_sets").mkdir(parents=True)
    shutil.copy(simulated_home.warehouse_path, folder / "warehouse.duckdb")
    stops = "[exits]\ncredit_stop = 1.0\ndebit_stop = 0.3\n"
    for name, rules in {"mine": stops, "same": ""}.items():
        text = f'version = 4\ntitle = "Of {name}"\n{rules}'
        (folder / "rule_sets" / f"{name}.toml").write_text(text)
    for name, value in {
        "HOME": folder, "SOURCE": "simulated", "TICKERS": "SPY,QQQ", "START": simulated_home.start,
        "END": simulated_home.end, "ACCOUNT_VALUE_USD": "1000000", "WORKERS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return folder


def stored(home, table):
    return Warehouse(home / "warehouse.duckdb", wait_seconds=5).read(table)


def trials(home):
    rows = stored(home, TRIALS).filter(target="backtest")
    return [json.loads(text) for text in rows["parameters"]]


def test_sets_are_shown_side_by_side_and_stored(home, capsys):
    assert main(["backtest", "--rule-sets", "plan,mine,same"]) == 0
    shown = capsys.readouterr().out
    for text in ("plan", "mine", "blocks of 63 sessions", "None of these sets is", "iv_minus_8pct"):
        assert text in shown
    rows = stored(home, RULE_SET_SCORES)
    assert set(rows["case"]) == CASES
    assert rows.height == 3 * len(CASES)
    assert dict(rows.select("rule_set", "version").unique().rows()) == {
        "plan": 1, "mine": 4, "same": 4,
    }  # fmt: skip
    by_set = {row["rule_set"]: row for row in rows.filter(case=AS_SET).to_dicts()}
    plan, mine, same = by_set["plan"], by_set["mine"], by_set["same"]
    # The same rules are the same trial and the same result, and other rules are not.
    assert same["digest"] == plan["digest"] != mine["digest"]
    assert same["equity_usd"] == plan["equity_usd"] != mine["equity_usd"]
    assert (same["gain"], same["gain_low"], same["gain_high"]) == (0.0, 0.0, 0.0)
    assert plan["gain"] is None
    assert mine["gain"] == pytest.approx(mine["sharpe"] - plan["sharpe"])
    assert mine["gain_low"] <= mine["gain"] <= mine["gain_high"]
    assert all(
        row["trades"] > 0 and row["sharpe_low"] <= row["sharpe_high"] for row in by_set.values()
    )
    assert {row["trials"] for row in by_set.values()} == {2}
    curves = stored(home, RULE_SET_CURVES)
    last = curves.group_by("rule_set").agg(pl.col("equity_usd").sort_by("date").last())
    assert dict(last.rows()) == {name: row["equity_usd"] for name, row in by_set.items()}
    assert_report_shows(rows)


def assert_report_shows(rows):
    settings = load_settings()
    text = render(settings, Warehouse(settings.warehouse_path, wait_seconds=5), now=NOW)
    section = text[text.index('id="sets"') : text.index('id="orders"')]
    for row in rows.to_dicts():
        assert f"{row['sharpe']:,.2f}" in section
        assert f"{row['sharpe_low']:,.2f} to {row['sharpe_high']:,.2f}" in section
        assert row["title"] in section
    assert section.count("NOT PROVEN") == 3
    # The verdict stands beside the ratio: the columns further right are out of a phone's sight.
    assert section.index("More than luck</th>") < section.index("Gain</th>")
    assert "The rules of the set that trades were changed" not in section
    changed = replace(settings, exits=replace(settings.exits, credit_stop=1.5))
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    assert "The rules of the set that trades were changed" in render(changed, warehouse, now=NOW)


def test_each_set_has_its_own_trials_and_the_plans_are_as_before(home, capsys):
    assert main(["backtest", "--rule-sets", "plan,mine", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rule_sets"]
    counted = {row["rule_set"]: row["own_trials"] for row in rows if row["case"] == AS_SET}
    assert counted == {"plan": 1, "mine": 1}
    tried = trials(home)
    assert sorted(t.get("rule_set", "") for t in tried) == ["", "mine"]
    assert all(t["variant"] in ("plan", "mine") for t in tried)


@pytest.mark.long
def test_a_comparison_replaces_the_one_before_and_counts_no_set_twice(home, capsys):
    for names in ("plan,mine", "mine,plan"):
        assert main(["backtest", "--rule-sets", names, "--json"]) == 0
    rows = stored(home, RULE_SET_SCORES)
    assert set(rows["beside"]) == {"mine"}
    assert set(rows.filter(case=AS_SET)["own_trials"]) == {1}
    assert set(rows.filter(case=AS_SET)["trials"]) == {2}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["plan,nine"], "did you mean mine"),
        (["plan,plan"], "each set once"),
        (["plan,mine", "--vary", "exits.exit_dte=14,21"], "leave out --set, --vary"),
        (["plan,mine", "--set", "exits.exit_dte=14"], "leave out --set, --vary"),
        (["plan,mine", "--optuna", "3"], "leave out --set, --vary"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(home, capsys, options, said):
    assert main(["backtest", "--rule-sets", *options]) != 0
    shown = capsys.readouterr().err.strip()
    assert said in shown
    assert "\n" not in shown
    assert stored(home, RULE_SET_SCORES).is_empty()


VOTING = """version = 1
title = "By votes"
[plan.selection.votes]
needed = 1
below = { vix_to_mean_10 = 1.0 }
"""


@pytest.mark.parametrize(
    ("traded", "options"),
    [("plan", ["--rule-sets", "plan,voting"]), ("voting", ["--vary", "exits.exit_dte=14"])],
)
def test_votes_on_features_of_a_former_version_are_no_trial(
    home, capsys, monkeypatch, traded, options
):
    (home / "rule_sets" / "voting.toml").write_text(VOTING)
    monkeypatch.setenv("OPTIONS_RULE_SET", traded)
    warehouse = Warehouse(home / "warehouse.duckdb", wait_seconds=5)
    warehouse.execute(["UPDATE features SET feature_version = 'former'"])
    before = trials(home)
    assert main(["backtest", *options]) != 0
    assert "--select features" in capsys.readouterr().err
    assert stored(home, RULE_SET_SCORES).is_empty()
    assert trials(home) == before


@pytest.mark.long
def test_a_set_counts_the_trials_that_its_file_states(home, capsys):
    file = home / "rule_sets" / "mine.toml"
    file.write_text(f"trials = 830\n{file.read_text()}")
    assert main(["backtest", "--rule-sets", "plan,mine", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rule_sets"]
    counted = {
        row["rule_set"]: (row["own_trials"], row["trials"]) for row in rows if row["case"] == AS_SET
    }
    assert counted == {"plan": (1, 2), "mine": (831, 832)}
