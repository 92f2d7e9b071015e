"""What a refused signal needs is said wherever its refusal is shown."""

import json
from datetime import datetime

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.commands.runs import _show_plans
from options_platform.contracts import PAPER_ORDERS, TRADE_PLAN
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.risk.sizing import SizingRules
from options_platform.reporting.report import render
from options_platform.testing.plan_rows import one
from options_platform_tests.platform import make_platform_settings
from options_platform_tests.printed import flat

NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with one signal, which its account cannot carry, and the text of what it needs."""
    settings = make_platform_settings(tmp_path / "home")
    poor = PlanRules(sizing=SizingRules(account_value_usd=500.0))
    plans, _ = build_plans(one(), poor)
    assert plans["reasons"].to_list() == [["RISK_BUDGET"]]
    order = {
        "date": plans["date"][0], "ticker": "SPY", "plan_id": plans["plan_id"][0],
        "status": "no_trade", "contracts": 0, "filled_qty": 0, "broker": "simulated",
        "updated_at": NOW,
    }  # fmt: skip
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    orders = pl.DataFrame([order], schema=PAPER_ORDERS.schema)
    warehouse.write([(TRADE_PLAN, plans), (PAPER_ORDERS, orders)])
    for name, value in {"HOME": settings.home, "SOURCE": "simulated", "TICKERS": "SPY,QQQ"}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return settings, warehouse, plans["needs"].item()


def test_status_says_it_in_text_and_json(home, capsys):
    *_, needs = home
    assert main(["status"]) == 0
    assert f"(RISK_BUDGET); it needs {needs}" in flat(capsys.readouterr().out)
    assert main(["status", "--json"]) == 0
    (decision,) = json.loads(capsys.readouterr().out)["decisions"]
    assert decision["needs"] == needs


def test_the_daily_run_prints_it_below_the_plan(home, capsys):
    settings, warehouse, needs = home
    _show_plans(settings, warehouse.read(TRADE_PLAN)["date"][0])
    shown = flat(capsys.readouterr().out)
    assert shown.startswith("SPY: no trade: ")
    assert f"(RISK_BUDGET); it needs {needs}" in shown


def test_the_plan_card_of_the_report_says_it(home):
    settings, warehouse, needs = home
    assert f"It needs {needs}." in render(settings, warehouse, now=NOW)
