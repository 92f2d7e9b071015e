"""Which rule set trades is seen in `status`, `doctor` and at the head of the report."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.reporting.report import render
from options_platform.services.trading.sets_in_account import in_account, sets_in_account
from options_platform.settings import load_settings, make_settings
from options_platform.settings.rule_sets import rules_digest
from options_platform.testing.plan_rows import one
from options_platform_tests.domain.trading.reconciliation.test_settlement import SPREAD
from options_platform_tests.printed import flat

NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)
MINE = 'version = 3\ntitle = "Wide stops"\n[exits]\ncredit_stop = 3.0\n'


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without data that trades by a set of its own."""
    folder = tmp_path / "home" / "rule_sets"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(MINE)
    values = {"HOME": folder.parent, "SOURCE": "simulated", "TICKERS": "SPY", "RULE_SET": "mine"}
    for name, value in values.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return folder.parent


def planned_in(home):
    """Store a plan, since of a home without any `status` says the next step alone."""
    plans, _ = build_plans(one(), PlanRules())
    Warehouse(home / "warehouse.duckdb").write([(TRADE_PLAN, plans)])


def line():
    return (
        f"mine, version 3 (rules {rules_digest(load_settings())}, from rule_sets/mine.toml; "
        "it sets 1 setting): Wide stops"
    )


def test_status_names_the_set_its_version_and_its_rules(home, capsys):
    planned_in(home)
    assert main(["status"]) == 0
    assert f"Rule set: {line()}" in flat(capsys.readouterr().out)
    assert main(["status", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["rule_set"]
    assert shown == {
        "name": "mine",
        "version": 3,
        "title": "Wide stops",
        "file": "rule_sets/mine.toml",
        "digest": rules_digest(load_settings()),
        "settings": ["exits.credit_stop"],
        "available": ["plan", "premium_ladder", "mine"],
    }


def test_doctor_names_it_and_every_other_set_that_cannot_be_used(home, capsys):
    (home / "rule_sets" / "broken.toml").write_text(MINE.replace("credit_stop", "credit_stp"))
    main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    of_sets = [(f["state"], f["detail"]) for f in findings if f["what"] == "rule set"]
    assert of_sets[0] == ("ok", line())
    ((state, detail),) = of_sets[1:]
    assert state == "note"
    assert "rule_sets/broken.toml" in detail
    assert "did you mean credit_stop?" in detail


def test_doctor_names_the_settings_that_the_set_leaves_without_effect(home, capsys, monkeypatch):
    values = {
        "EXITS__CREDIT_STOP": "1.5",
        "EXITS__EXIT_DTE": "10",
        "PLAN__COSTS__FEE_PER_CONTRACT_USD": "0.5",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"OPTIONS_{name}", value)

    def notes():
        main(["doctor", "--json"])
        findings = json.loads(capsys.readouterr().out)
        return [f["detail"] for f in findings if (f["what"], f["state"]) == ("rule set", "note")]

    assert notes() == ["it replaces your settings, which have no effect: exits.credit_stop"]
    (home / "rule_sets" / "mine.toml").write_text(f'base = "defaults"\n{MINE}')
    (note,) = notes()
    assert note.endswith("no effect: exits.credit_stop, exits.exit_dte")
    monkeypatch.setenv("OPTIONS_RULE_SET", "plan")
    assert notes() == []


def test_a_home_is_restored_whose_set_is_in_the_archive_alone(home, tmp_path, capsys):
    planned_in(home)
    archive = tmp_path / "home.tar.gz"
    assert main(["backup", str(archive)]) == 0
    (home / "rule_sets" / "mine.toml").unlink()
    assert main(["status"]) != 0
    assert "there is no rule set 'mine'" in capsys.readouterr().err
    assert main(["restore", str(archive)]) == 0
    assert load_settings().rule_set == "mine"


def test_the_head_of_the_report_names_it(home):
    settings = load_settings()
    text = render(settings, Warehouse(settings.warehouse_path, wait_seconds=5), now=NOW)
    assert f"Rule set {line()}." in text
    assert text.index("Rule set mine") < text.index("<h2")


@pytest.fixture
def both(home, monkeypatch):
    monkeypatch.delenv("OPTIONS_RULE_SET")
    monkeypatch.setenv("OPTIONS_BUDGETS__PLAN", "0.6")
    monkeypatch.setenv("OPTIONS_BUDGETS__MINE", "0.4")
    return home


def test_each_set_with_a_budget_is_named_with_its_share(both, capsys):
    planned_in(both)
    assert main(["status"]) == 0
    shown = flat(capsys.readouterr().out)
    assert "Rule set plan: 60% of the account, 60,000 USD; no open positions" in shown
    assert "Rule set mine: 40% of the account, 40,000 USD; no open positions" in shown
    main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    details = [f["detail"] for f in findings if f["what"] == "rule set"]
    assert details[0].startswith("plan, version 1")
    assert details[0].endswith("trades with 60% of the account")
    assert details[1] == f"{line_of_mine()}; trades with 40% of the account"


def line_of_mine():
    digest = rules_digest(load_settings().of_set("mine"))
    return (
        f"mine, version 3 (rules {digest}, from rule_sets/mine.toml; it sets 1 setting): Wide stops"
    )


def test_a_set_that_has_gone_is_named_while_its_positions_are_open(both):
    settings = make_settings({"home": both, "source": "simulated"})
    position = replace(SPREAD, position_id="20240131-SPY-entry-gone-0123456789")
    rows = sets_in_account(settings, [position])
    assert [row["rule_set"] for row in rows] == ["plan", "gone"]
    assert (rows[1]["share"], rows[1]["open_positions"]) == (0.0, 1)
    assert rows[1]["risk_usd"] == SPREAD.risk_usd
    text = in_account(rows[1])
    assert text.startswith("Rule set gone: enters nothing new; 1 open position, at risk 760.00 USD")
    assert "left by the exits of plan" in text


def test_a_set_with_a_budget_that_cannot_be_read_is_named_and_stops_no_reading_command(
    both, capsys
):
    planned_in(both)
    (both / "rule_sets" / "mine.toml").write_text("version = 3\n")
    assert main(["status"]) == 0
    shown = capsys.readouterr()
    printed = flat(shown.out)
    assert shown.err.startswith("RULE SET mine CANNOT BE READ and enters nothing until it is")
    assert "at risk 0.00 USD. It enters nothing, and its positions are left by" in printed
    assert "rule set mine (rule_sets/mine.toml): title is missing" in printed
    assert main(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    (detail,) = [f["detail"] for f in findings if (f["what"], f["state"]) == ("rule set", "BROKEN")]
    assert detail.startswith("mine, with 40% of the account, enters nothing: rule set mine")
    settings = load_settings()
    text = render(settings, Warehouse(settings.warehouse_path, wait_seconds=5), now=NOW)
    assert "40% of the account: mine cannot be read and enters nothing" in text
    # What would store or show the sets together waits for the file.
    for command in (["backfill"], ["backtest"], ["rehearse", "2020-03"]):
        assert main(command) == 2
        assert (
            "setting budgets.mine: rule set mine (rule_sets/mine.toml)" in capsys.readouterr().err
        )
