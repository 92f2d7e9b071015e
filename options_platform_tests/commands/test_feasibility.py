import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.commands.feasibility import account_fields
from options_platform.contracts import DIRECTION_MODEL, TRADE_PLAN
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.trading.exposures import one_spread_rows, planned_exposures
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.settings import make_settings
from options_platform.testing.market import NOW
from options_platform.testing.plan_rows import one
from options_platform_tests.printed import flat
from options_platform_tests.services.trading.entries.test_account_checks import ENTRY


@pytest.fixture
def home(simulated_home, tmp_path, monkeypatch):
    copy = replace(simulated_home, home=tmp_path / "home")
    copy.home.mkdir()
    shutil.copy(simulated_home.warehouse_path, copy.warehouse_path)
    for name, value in {
        "HOME": copy.home, "SOURCE": "simulated", "TICKERS": "SPY,QQQ",
        "START": copy.start, "END": copy.end,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return copy


def needs_of(capsys, *arguments):
    assert main(["feasibility", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_each_strategy_shows_the_account_that_it_needs(home, capsys, monkeypatch):
    monkeypatch.setenv("OPTIONS_ACCOUNT_VALUE_USD", "1000")
    small = needs_of(capsys, "--sessions", "400")
    assert small["strategies"]
    for row in small["strategies"]:
        needs = [row[f"needed_for_{what}_usd"] for what in ("sizing", "limits", "greeks")]
        assert row["account_needed_usd"] == max(needs) > row["max_loss_usd"] > 0
        assert row["needed_in_full_usd"] > row["needed_for_sizing_usd"]
        assert row["width"] > 0
        assert 0 < row["fees_share"] < 1
        assert row["fits"] is False
        assert row["plans"] > 0
    enough = max(row["account_needed_usd"] for row in small["strategies"])
    monkeypatch.setenv("OPTIONS_ACCOUNT_VALUE_USD", str(enough + 1))
    large = needs_of(capsys, "--sessions", "400")
    assert all(row["fits"] for row in large["strategies"])


def test_the_pace_of_trading_and_the_cells_of_the_matrix_are_beside_it(home, capsys):
    pace = needs_of(capsys)["pace"]
    assert set(pace["by_ticker"]) == {"SPY", "QQQ"}
    assert pace["all"]["low"] <= pace["all"]["a_year"] <= pace["all"]["high"]
    assert pace["needed_paper_trades"] == 30
    assert len(pace["cells"]) == 14
    assert main(["feasibility"]) == 0
    shown = flat(capsys.readouterr().out)
    for text in ("trades a year (95%: ", "30 closed paper trades are needed"):
        assert text in shown
    # The state of a cell is folded where its column is narrow.
    assert re.search(r"\bnever\b[^:]*\bcalled\b", shown)


def test_the_ladder_of_a_rule_set_and_the_account_are_beside_it(home, capsys, monkeypatch):
    monkeypatch.setenv("OPTIONS_RISK__MAX_POSITIONS_PER_TICKER", "3")
    own = home.home / "rule_sets"
    own.mkdir()
    text = 'version = 1\ntitle = "A ladder"\nbase = "defaults"\n[plan.selection]\n'
    text += 'strategy = "bull_put_spread"\ncadence = "week"\nveto_credit_above = 1.0\n'
    (own / "weekly.toml").write_text(text + "[exits]\nexit_dte = 0\n")
    answer = needs_of(capsys, "--rule-set", "weekly", "--sessions", "120")
    assert answer["rule_set"] == "weekly"
    assert {row["strategy"] for row in answer["strategies"]} == {"bull_put_spread"}
    whole, within = answer["ladder"]["whole"], answer["ladder"]["within_positions"]
    assert 0 < within["rungs"] <= 6
    assert within["rungs"] <= whole["rungs"] <= answer["ladder"]["plans"]
    assert within["buying_power_usd"] <= whole["buying_power_usd"]
    assert set(whole["gap_usd"]) == {"-0.2", "-0.105", "+0.07"}
    assert max(whole["gap_usd"].values()) <= whole["buying_power_usd"] * 1.5
    assert whole["account_needed_usd"] >= answer["trades_from_usd"] > 0
    account = answer["account"]
    assert (account["broker"], account["needed_level"], account["problem"]) == (
        "simulated", 3, None,
    )  # fmt: skip
    # It only reads.
    assert not (home.home / "simulated_broker.duckdb").exists()
    assert not (home.home / "ledger.duckdb").exists()
    assert main(["feasibility", "--rule-set", "weekly", "--sessions", "120"]) == 0
    shown = capsys.readouterr().out
    for said in ("Rule set weekly.", "its whole ladder, one spread a rung, takes",
                 "(risk.gap.max_loss_pct)", "The account at simulated: "):  # fmt: skip
        assert said in shown
    assert main(["feasibility", "--rule-set", "weekli"]) != 0
    assert "did you mean weekly" in capsys.readouterr().err


def test_an_account_that_may_not_trade_the_plans_is_named(tmp_path):
    with FakeAlpaca(fills="rest") as fake:
        settings = make_settings(
            {"home": tmp_path, "broker": "alpaca", "alpaca": {"fake_address": fake.address}}
        )
        ledger = open_ledger(settings)
        account = account_fields(settings, ledger, 3)
        assert (account["options_level"], account["problem"]) == (3, None)
        assert account["free_usd"] == account["buying_power_usd"] == 100_000.0
        assert not ledger.exists
        ledger.record_intent(ENTRY, NOW)
        ledger.record(ENTRY.to("unknown"), NOW)
        account = account_fields(settings, ledger, 3)
        assert (account["working_entries"], account["working_risk_usd"]) == (1, 840.0)
        assert account["free_usd"] == 100_000.0 - 840.0
        fake.book.level = 2
        problem = account_fields(settings, ledger, 3)["problem"]
        assert problem == "the account has level 2 for options; the plans take 3"
        fake.book.blocked = True
        assert account_fields(settings, ledger, 3)["problem"] == "the account may not trade"
        fake.book.cash = -1.0
        assert "equity of -1.00 USD" in account_fields(settings, ledger, 3)["problem"]
    assert "did not answer" in account_fields(settings, ledger, 3)["problem"]


def test_plans_without_predictions_have_no_pace(home, capsys):
    warehouse = Warehouse(home.warehouse_path, wait_seconds=10.0)
    calls = warehouse.read(DIRECTION_MODEL)
    warehouse.upsert(DIRECTION_MODEL, calls.with_columns(direction=pl.lit(None, pl.String)))
    assert needs_of(capsys)["pace"] is None
    assert main(["feasibility"]) == 0
    assert "How often the rules trade is not known yet" in capsys.readouterr().out


def test_it_begins_with_the_first_plan_however_early_the_data_begin(home, capsys, monkeypatch):
    """A home with only a daily run has plans of late sessions only."""
    monkeypatch.setenv("OPTIONS_START", str(home.start - timedelta(days=200)))
    assert needs_of(capsys, "--sessions", "1000")["first"] >= str(home.start)


def test_a_table_for_people_and_a_home_without_plans(home, capsys, monkeypatch, tmp_path):
    assert main(["feasibility"]) == 0
    shown = capsys.readouterr().out
    (heading,) = [line for line in shown.splitlines() if line.startswith("ticker ")]
    assert heading.split()[-2:] == ["taken", "narrower"]
    assert re.search(r"^SPY  .* \d+\.\d\d +\d\d\d\.\d\d +\d+\.\d%", shown, re.MULTILINE)
    assert "account_needed_usd" not in shown
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "new"))
    assert main(["feasibility"]) != 0
    assert "options-platform backfill" in capsys.readouterr().err


def test_one_spread_is_the_plan_over_its_contracts():
    plans, _ = build_plans(one(), PlanRules())
    (plan,) = plans.iter_rows(named=True)
    (whole,) = planned_exposures(plans).values()
    (row,) = one_spread_rows(plans).iter_rows(named=True)
    assert plan["contracts"] > 1
    assert row["max_loss_usd"] * plan["contracts"] == pytest.approx(plan["max_loss_usd"])
    for name in ("delta_usd", "gamma_usd", "vega_usd", "theta_usd"):
        assert row[name] * plan["contracts"] == pytest.approx(getattr(whole, name))
    assert one_spread_rows(TRADE_PLAN.empty()).is_empty()
