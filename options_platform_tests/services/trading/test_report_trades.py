"""A trade of a report for paper money: entered before it, left in the session after, booked."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.planning.decision_words import decision_words
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.errors import SettingsError
from options_platform.services.earnings.trade_evidence import trade_record, with_proven
from options_platform.services.trading.entries.checks import EntryChecks
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.services.trading.summary import open_plans
from options_platform.testing.market import NOW
from options_platform_tests.domain.backtest.report_market import (
    ANCHOR,
    PLANNED,
    QUARTERS,
    REACTION,
    SPOTS,
    Quotes,
    row,
)
from options_platform_tests.recorded_reports import answered
from options_platform_tests.services.trading.simulated_account import service

FETCHED, MOVED = datetime(2023, 12, 1, 5, tzinfo=UTC), datetime(2024, 1, 10, 4, tzinfo=UTC)
BEYOND = date(2024, 1, 24)


@pytest.fixture
def account(tmp_path):
    """An account of the simulated broker that trades reports."""
    made = service(tmp_path, tickers=("NVDA",), earnings_trades={"enabled": True})
    return known(made, answered("NVDA", QUARTERS, FETCHED))


def known(made, record):
    warehouse = Warehouse(made.settings.warehouse_path)
    warehouse.upsert(EARNINGS_KNOWN, record)
    return replace(made, reports=stored_reports(made.settings, warehouse))


def market(ratio):
    """Closes whose volatility lets the planned order fill, and collapses at the reaction."""
    before = 0.85 if ratio > 1 else 0.6
    return {
        day: {"NVDA": MarketClose(spot, before if day < REACTION else 0.45, ticker="NVDA")}
        for day, spot in SPOTS.items()
    }


def planned(made, ratio=1.3):
    return build_plans(row(ratio), made.settings.plan, Quotes().chain)


def run(made, *days, ratio=1.3):
    plans, legs = planned(made, ratio)
    for day in days:
        made.run_session(day, plans, legs, market(ratio), NOW)
    return made.ledger


@pytest.mark.parametrize("ratio", [1.3, 0.7])
def test_it_is_entered_before_the_report_and_left_in_the_session_after_it(account, ratio):
    plans, legs = planned(account, ratio)
    text = decision_words(plans.row(0, named=True), legs.sort("leg").to_dicts())
    assert "It trades the report, whatever direction is predicted; for paper money only." in text
    ledger = run(account, PLANNED, ANCHOR, ratio=ratio)
    (held,) = ledger.positions(only_open=True)
    assert held.strategy == ("earnings_iron_condor" if ratio > 1 else "earnings_long_straddle")
    assert (held.opened_on, held.contracts) == (ANCHOR, 1)
    (shown,) = open_plans(account.settings, ledger, market(ratio), account.reports)
    assert (shown.take_profit, shown.stop_loss) == (None, None)
    assert "Its exit works in the next session: REPORT_OUT." in shown.exit_words()
    (closed,) = run(account, REACTION, ratio=ratio).positions()
    assert (closed.closed_on, closed.exit_reason) == (REACTION, "REPORT_OUT")
    change = (closed.exit_price - closed.entry_price) * 100.0
    assert closed.profit_usd == pytest.approx(change - closed.fees_usd, abs=0.01)
    # Collapsed volatility and a small move: what was sold gains, what was bought loses.
    assert (closed.profit_usd > 0) == (ratio > 1)
    orders = {o.purpose: o for o in ledger.orders()}
    assert {o.status for o in orders.values()} == {"filled"}
    assert (orders["entry"].session, orders["exit"].session) == (PLANNED, ANCHOR)


def test_an_invented_market_has_no_record(account):
    run(account, PLANNED, ANCHOR, REACTION)
    warehouse = Warehouse(account.settings.warehouse_path)
    assert trade_record(account.settings, warehouse).is_empty()
    assert with_proven(account.settings, warehouse).plan.earnings_trades.proven == ()


def test_a_report_that_moved_since_the_plan_is_not_entered(account):
    record = answered("NVDA", QUARTERS, FETCHED)
    later = [BEYOND if day == ANCHOR else day for day in QUARTERS]
    made = known(account, answered("NVDA", later, MOVED, record=record))
    made = replace(made, reports=replace(made.reports, at=NOW))
    ledger = run(made, PLANNED, ANCHOR)
    assert ledger.positions() == []
    (order,) = ledger.orders()
    assert order.status == "not_sent"
    assert order.reason.startswith("REPORT_MOVED")


def test_real_money_waits_for_the_gate(account):
    order = run(account, PLANNED).orders()[0]
    settings = account.settings
    live = replace(
        settings, broker="alpaca", alpaca=replace(settings.alpaca, live=True, accounts=("123",))
    )

    def codes(settings):
        checks = EntryChecks(account.ledger, account.broker, settings, {}, {}, {})
        return checks.rules_broken(order)

    assert "EARNINGS_RESEARCH" not in codes(settings)
    assert "EARNINGS_RESEARCH" in codes(live)
    trades = replace(settings.plan.earnings_trades, proven=("earnings_iron_condor",))
    proven = replace(live, plan=replace(live.plan, earnings_trades=trades))
    assert "EARNINGS_RESEARCH" not in codes(proven)


def test_no_setting_says_that_a_strategy_is_proven(tmp_path):
    with pytest.raises(SettingsError, match=r"earnings_trades\.proven: a strategy's record"):
        service(tmp_path, earnings_trades={"proven": ["earnings_iron_condor"]})
