"""The section on trades of reports: each strategy's verdict, and its trades beside the move."""

from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_EVENTS
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES, SELLING
from options_platform.reporting.earnings.trades import report_trades_section
from options_platform.reporting.report import environment
from options_platform.services.backtesting.report_trades import (
    backtest_report_trades,
    store_report_trades,
)
from options_platform.services.backtesting.run import BacktestData
from options_platform.settings import make_settings
from options_platform_tests.domain.backtest.report_market import (
    ANCHOR,
    REACTION,
    backtest_rules,
    plan_rules,
    row,
    stock_market,
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    return make_settings(
        {"home": folder, "source": "csv", "csv_dir": str(folder), "tickers": ("NVDA",),
         "earnings_trades": {"enabled": True}, "fills": {"model": "mid"}}
    )  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(settings):
    """The record of one report of NVDA at stored quotes, with its move."""
    stored, rules = Warehouse(settings.warehouse_path), plan_rules()
    results = backtest_report_trades(
        BacktestData(row(), stock_market()), rules, backtest_rules(rules)
    )
    store_report_trades(stored, results, rules, "mid")
    given = {
        "date": REACTION, "ticker": "NVDA", "report_date": ANCHOR, "anchor": ANCHOR, "gap": 0.02,
        "known_on": REACTION,
        "timing": "after_close", "timing_source": "source", "move": 0.03, "source": "csv",
    }  # fmt: skip
    kinds = EARNINGS_EVENTS.schema
    event = pl.DataFrame([{n: given.get(n) for n in kinds}], schema=kinds)
    stored.upsert(EARNINGS_EVENTS, event)
    return stored


def rendered(section):
    page = environment().get_template("earnings/trades.html.j2").render(trades=section)
    return " ".join(page.split())


def test_each_strategy_has_its_trades_at_stored_quotes_and_its_verdict(settings, warehouse):
    section = report_trades_section(settings, warehouse)
    by_name = {each["strategy"]: each for each in section["strategies"]}
    assert list(by_name) == list(EARNINGS_STRATEGIES)
    condor, straddle = by_name["earnings_iron_condor"], by_name["earnings_long_straddle"]
    assert (condor["tested"], condor["at_quotes"], condor["trades"], condor["won"]) == (1, 1, 1, 1)
    assert condor["share"] == pytest.approx(72.0 / 384.0)
    assert (straddle["tested"], straddle["share"], straddle["status"]) == (0, None, "research")
    page = rendered(section)
    assert f"The last 5 trades of {len(SELLING)}" in page
    assert "They are on, for paper money until a strategy is proven." in page
    assert "An invented market" not in page


def test_a_trade_stands_beside_the_move_of_its_report(settings, warehouse):
    trades = report_trades_section(settings, warehouse)["newest"]
    condor = next(t for t in trades if t["strategy"] == "earnings_iron_condor")
    assert (condor["report_date"], condor["move"]) == (ANCHOR, 0.03)
    assert condor["pnl_usd"] == pytest.approx(72.0)
    page = rendered(report_trades_section(settings, warehouse))
    assert "2024-01-10</td><td>NVDA</td><td>earnings iron condor" in page


def test_an_invented_market_has_trades_and_no_record(settings, warehouse):
    section = report_trades_section(replace(settings, source="simulated"), warehouse)
    assert section["total"] == len(SELLING)
    assert {each["trades"] for each in section["strategies"]} == {0}
    assert "no strategy has a record" in rendered(section)


def test_nothing_is_shown_while_they_are_off_and_none_is_stored(settings, tmp_path):
    empty = Warehouse(tmp_path / "warehouse.duckdb")
    off = replace(settings, earnings_trades=replace(settings.earnings_trades, enabled=False))
    assert report_trades_section(off, empty) is None
    page = rendered(report_trades_section(settings, empty))
    assert "The last" not in page
    assert page.count("research") == len(EARNINGS_STRATEGIES)
