"""`backtest` with budgets: several rule sets in one account, and what each has made of it."""

import json

import pytest

from options_platform.cli import main
from options_platform.contracts import ACCOUNT_SET_SCORES
from options_platform.reporting.report import render
from options_platform.settings import load_settings
from options_platform_tests.commands.backtests.test_sets import NOW, home, stored, trials

__all__ = ("home",)
SUMS = ("pnl_usd", "trades", "moved", "netting_conflicts", "set_limits")


@pytest.fixture
def budgets(home, monkeypatch):
    monkeypatch.setenv("OPTIONS_BUDGETS__PLAN", "0.6")
    monkeypatch.setenv("OPTIONS_BUDGETS__MINE", "0.4")
    return home


@pytest.mark.long
def test_all_sets_trade_the_account_and_are_stored_and_shown(budgets, capsys):
    assert main(["backtest"]) == 0
    shown = capsys.readouterr().out
    assert "plan+mine" in shown
    assert "Of that, by rule set, fills default" in shown
    rows = stored(budgets, ACCOUNT_SET_SCORES)
    for fill in ("mid", "default", "worst"):
        of_fill = rows.filter(fill_model=fill)
        (account,) = of_fill.filter(part="account").to_dicts()
        of_sets = of_fill.filter(part="set")
        assert set(of_sets["rule_set"]) == {"plan", "mine"}
        for name in SUMS[1:]:
            assert of_sets[name].sum() == account[name]
        # The rest is interest on cash.
        assert of_sets["pnl_usd"].sum() <= account["pnl_usd"] + 0.005
        assert of_sets["trades"].min() > 0
    assert [trial["rule_set"] for trial in trials(budgets)] == ["plan+mine"]
    page = render(load_settings(), _warehouse(budgets), now=NOW)
    assert "Together in one account" in page
    assert "60% of the account: plan" in page
    assert main(["backtest", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["account"]) == rows.height
    assert len(trials(budgets)) == 1


def _warehouse(folder):
    from options_platform.adapters.storage.warehouse import Warehouse

    return Warehouse(folder / "warehouse.duckdb", wait_seconds=5)
