"""A year of sessions at the fake Alpaca gives the trades and the equity of the backtest.

The market is the test's: before each close it fills what works at the fill model's price, once the
ladder of the order has come to that price.
"""

from contextlib import nullcontext
from datetime import date, datetime, time

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.backtest import make_market, run_backtest
from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.trading.session import TradingSession
from options_platform.settings import make_settings
from options_platform_tests.alpaca_market import LADDER, Market, rules_of_a_paper_account
from options_platform_tests.regime_market import regime_market
from options_platform_tests.short_wire import short_wire

TICKERS = ("AAA", "BBB", "CCC")
COLUMNS = ("ticker", "strategy", "opened_on", "entry_price", "contracts", "closed_on",
           "exit_price", "exit_reason", "fees_usd", "rule_set")  # fmt: skip
WIDE = {
    **dict.fromkeys((f"max_{name}_risk_pct" for name in
                     ("trade", "ticker", "expiry", "group", "total")), 1.0),
    "gap": {"max_loss_pct": 1.0},
    "greeks": dict.fromkeys(("delta_pct", "gamma_pct", "vega_pct", "theta_pct"), 99.0),
}  # fmt: skip


def with_votes(inputs):
    """`inputs` with what the ladder's votes ask about drawn at random, so that most weeks hold."""
    draw = np.random.default_rng(4).uniform
    return inputs.with_columns(
        vix_to_mean_10=pl.Series(draw(0.8, 1.1, inputs.height)),
        har_rv_rank=pl.Series(draw(0.0, 0.8, inputs.height)),
        vrp_percentile=pl.Series(draw(0.2, 1.0, inputs.height)),
    )


def same_as_backtest(tmp_path, first, last, tickers=TICKERS, wire=nullcontext, **changes):
    """The closed trades of both, as mappings, and the backtest."""
    bars, vix, inputs = regime_market(tickers, first, last)
    inputs = with_votes(inputs)
    clock = {"now": datetime.combine(first, time(10), NEW_YORK)}
    cash_usd = changes.get("account_value_usd", 100_000.0)
    server = FakeAlpaca(now=lambda: clock["now"], fills="rest", cash_usd=cash_usd)
    with server as fake, wire(fake):
        settings = make_settings(
            {"home": tmp_path, "source": "simulated", "tickers": tickers, "broker": "alpaca",
             "alpaca": {"fake_address": fake.address}, "iron_condor_enabled": True,
             "fills": {"slippage_share": 0.2},
             "risk": {"max_positions_per_ticker": 4, "max_positions": 7},
             "plan": {"stocks": {"max_width_share": 1.0}}, "ladder": LADDER, **changes}
        )  # fmt: skip
        of_sets = [settings.of_set(name).plan for name in settings.traded_sets]
        (plans, legs), (alternates, their_legs) = plans_of_sets(inputs, of_sets)
        legs = pl.concat([legs, their_legs])
        ledger = Ledger(settings.ledger_path, broker="alpaca")
        service = TradingSession(ledger, open_broker(settings), settings)
        closes = market_closes(bars, vix)
        market = Market(service, fake, closes)
        with ledger.holding():
            for day in sessions(first, last):
                clock["now"] = datetime.combine(shift(day, 1), time(10), NEW_YORK)
                today = plans.filter(pl.col("date") == day)
                service.run_session(day, today, legs, closes, clock["now"], alternates)
                if day < last:
                    market.trade(shift(day, 1), clock)
            assert ledger.differences() == []
            live = [
                tuple(getattr(position, name) for name in COLUMNS)
                for position in ledger.positions()
                if position.closed_on is not None
            ]
            equity = ledger.table("marks").sort("session")["equity_usd"].to_list()
    found = run_backtest(
        plans,
        legs,
        make_market(bars, vix),
        rules_of_a_paper_account(settings),
        alternates=alternates,
    )
    wanted = found.trades.filter(pl.col("closed_on").is_not_null()).select(COLUMNS)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in sorted(live, key=str)]
    wanted_rows = sorted(wanted.rows(), key=str)
    assert len(rows) == len(wanted_rows) > 0
    for mine, row in zip(rows, wanted_rows, strict=True):
        assert mine == pytest.approx(dict(zip(COLUMNS, row, strict=True)), abs=1e-6)
    assert found.equity["equity_usd"].to_list() == pytest.approx(equity, abs=0.005)
    return rows, found


def test_some_weeks_at_alpaca_give_the_trades_and_equity_of_the_backtest(tmp_path):
    assert same_as_backtest(tmp_path, date(2017, 4, 3), date(2017, 4, 21))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_year_at_alpaca_gives_the_trades_and_equity_of_the_backtest(tmp_path):
    rows, _ = same_as_backtest(tmp_path, date(2016, 6, 1), date(2017, 5, 31), wire=short_wire)
    assert {row["exit_reason"] for row in rows} >= {"STOP_LOSS", "TAKE_PROFIT", "TIME"}


@pytest.mark.long
def test_some_weeks_of_two_sets_at_alpaca_are_those_of_both_in_one_account(tmp_path):
    rows, found = same_as_backtest(
        tmp_path,
        date(2017, 4, 3),
        date(2017, 4, 28),
        tickers=("SPY",),
        account_value_usd=400_000.0,
        budgets={"plan": 0.6, "premium_ladder": 0.4},
        risk={**WIDE, "max_positions_per_ticker": 14, "max_positions": 14},
    )
    assert {row["rule_set"] for row in rows} >= {"plan"}
    assert set(found.trades["rule_set"]) == {"plan", "premium_ladder"}
    made = found.by_set.filter(session=found.equity["session"][-1])["pnl_usd"].sum()
    assert made == pytest.approx(found.equity["equity_usd"][-1] - found.start_usd, abs=0.005)
