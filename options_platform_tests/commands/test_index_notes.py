"""What is said of a ticker that is priced on an index that is not its own, and where."""

import json
from datetime import date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.commands.backtests.output import about, say_about
from options_platform.commands.runs import _show_plans
from options_platform.contracts import PAPER_ORDERS, TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest import make_market
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.reporting.report import render
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.trading.account_state import alerts_of
from options_platform.testing.market import random_market
from options_platform.testing.plan_rows import one
from options_platform_tests.platform import make_platform_settings
from options_platform_tests.printed import flat

NOTE = "QQQ is priced on the VIX, which is not its own volatility: 5.9 vol points off"
NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)


def stored(tmp_path, symbol):
    """A home with one trade of QQQ, priced on the index."""
    settings = make_platform_settings(tmp_path / "home")
    rows = one().with_columns(ticker=pl.lit("QQQ"), iv_symbol=pl.lit(symbol))
    plans, legs = build_plans(rows, PlanRules())
    assert plans["decision"].to_list() == ["trade"]
    order = {
        "date": plans["date"][0], "ticker": "QQQ", "plan_id": plans["plan_id"][0],
        "client_order_id": "id-1", "status": "filled", "reason": None, "contracts": 1,
        "filled_qty": 1, "avg_price": 1.0, "broker": "simulated", "updated_at": NOW,
        "rule_set": "plan",
    }  # fmt: skip
    orders = pl.DataFrame([order], schema_overrides={"reason": pl.String})
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    warehouse.write(
        [(TRADE_PLAN, plans), (TRADE_PLAN_LEGS, legs),
         (PAPER_ORDERS, orders.cast(dict(PAPER_ORDERS.schema)))]
    )  # fmt: skip
    return settings, warehouse


@pytest.fixture(params=["VIX", "VXN"])
def home(request, tmp_path, monkeypatch):
    settings, warehouse = stored(tmp_path, request.param)
    for name, value in {"HOME": settings.home, "SOURCE": "simulated", "TICKERS": "SPY,QQQ"}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return settings, warehouse, request.param == "VIX"


def test_status_says_it_and_its_json_has_index_basis_and_error(home, capsys):
    _, _, foreign = home
    assert main(["status"]) == 0
    assert (NOTE in flat(capsys.readouterr().out)) == foreign
    assert main(["status", "--json"]) == 0
    (decision,) = json.loads(capsys.readouterr().out)["decisions"]
    expected = ("VIX", "market") if foreign else ("VXN", "own")
    assert (decision["iv_symbol"], decision["iv_basis"]) == expected
    assert (decision["vol_error"] == 5.9) == foreign


def test_the_daily_run_prints_it_below_the_plan(home, capsys):
    settings, warehouse, foreign = home
    _show_plans(settings, warehouse.read(TRADE_PLAN)["date"][0])
    shown = flat(capsys.readouterr().out)
    assert "QQQ: " in shown
    assert (NOTE in shown) == foreign


def test_the_plan_card_of_the_report_says_it(home):
    settings, warehouse, foreign = home
    page = render(settings, warehouse, now=NOW)
    assert (NOTE in page) == foreign
    symbol = "VIX" if foreign else "VXN"
    assert f"Implied volatility from the {symbol}, " in page


def test_an_entry_at_such_prices_is_an_alert(home):
    settings, _, foreign = home
    alerts = {alert.key: alert.text for alert in alerts_of(settings, open_ledger(settings), NOW)}
    assert ("index QQQ" in alerts) == foreign
    assert not foreign or NOTE in alerts["index QQQ"]


def test_a_backtest_says_it_with_the_command_that_changes_it(capsys):
    bars, vix = random_market(("SPY", "QQQ", "MSFT"), date(2024, 1, 2), date(2024, 3, 1))
    symbols = {"SPY": "VIX", "QQQ": "VIX", "MSFT": "VIX"}
    data = BacktestData(pl.DataFrame(), make_market(bars, vix), symbols)
    say_about(data)
    shown = flat(capsys.readouterr().out)
    assert NOTE in shown
    assert "OPTIONS_IV_SYMBOL__QQQ=VXN options-platform backfill" in shown
    assert "MSFT is priced on the VIX, which is not its own volatility: its error is not" in shown
    assert "it has no index of its own" in shown
    assert "SPY is priced" not in shown
    fields = about(data)
    assert fields["iv_basis"] == {"SPY": "own", "QQQ": "market", "MSFT": "market"}
    assert (fields["vol_error"]["QQQ"], fields["vol_error"]["MSFT"]) == (5.9, None)
    assert 0 < fields["vol_error"]["SPY"] < 2.0
