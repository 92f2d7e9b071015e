"""An entry has the same number of contracts in a backtest as at a broker with a market."""

from dataclasses import replace
from datetime import date, datetime, time

import polars as pl
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.backtest import make_market, run_backtest
from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.risk import RiskRules
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.trading.session import TradingSession
from options_platform.settings import make_settings
from options_platform_tests.regime_market import regime_market

TICKERS = ("SPY", "QQQ", "IWM")
FIRST, LAST = date(2017, 4, 3), date(2017, 4, 21)


@pytest.mark.long
def test_a_backtest_counts_the_contracts_that_are_sent_to_alpaca(tmp_path):
    bars, vix, inputs = regime_market(TICKERS, FIRST, LAST)
    clock = {"now": datetime.combine(FIRST, time(10), NEW_YORK)}
    with FakeAlpaca(now=lambda: clock["now"], fills="rest") as fake:
        settings = make_settings(
            {"home": tmp_path, "source": "simulated", "tickers": TICKERS, "broker": "alpaca",
             "alpaca": {"fake_address": fake.address}}
        )  # fmt: skip
        settings = replace(settings, risk=RiskRules.unlimited())
        plans, legs = build_plans(inputs, settings.plan)
        service = TradingSession(Ledger(settings.ledger_path), open_broker(settings), settings)
        closes = market_closes(bars, vix)
        with service.ledger.holding():
            for day in sessions(FIRST, LAST):
                clock["now"] = datetime.combine(shift(day, 1), time(10), NEW_YORK)
                today = plans.filter(pl.col("date") == day)
                service.run_session(day, today, legs, closes, clock["now"])
        orders = {order.plan_id: order for order in service.ledger.orders()}
    # Gains and losses of earlier trades, of which the fake account has none, change no size.
    rules = replace(settings.backtest_rules, start_usd=1e7, resume_after_sessions=0)
    tested = run_backtest(plans, legs, make_market(bars, vix), rules)
    planned = dict(plans.select("plan_id", "contracts").iter_rows())
    at_plan_or_better = [
        row
        for row in tested.trades.select("plan_id", "contracts", "entry_price").iter_rows()
        if row[2] <= orders[row[0]].limit_price
    ]
    sent = {plan_id: orders[plan_id].contracts for plan_id, *_ in at_plan_or_better}
    assert {plan_id: contracts for plan_id, contracts, _ in at_plan_or_better} == sent
    # The last rung costs some of them a contract.
    assert any(contracts < planned[plan_id] for plan_id, contracts in sent.items())
