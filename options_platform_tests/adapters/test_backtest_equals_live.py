"""One code path: the backtest makes the trades that live paper trading makes."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.duck import held
from options_platform.adapters.ledger import Ledger
from options_platform.adapters.paper_trading import PaperTrading
from options_platform.adapters.plan_tables import market_closes
from options_platform.domain.backtest import (
    AssignmentRules,
    BacktestRules,
    make_market,
    run_backtest,
)
from options_platform.domain.calendar import sessions
from options_platform.domain.plan import build_plans
from options_platform.domain.regime_names import REGIMES
from options_platform.settings import make_settings
from options_platform_tests.market import NOW, random_market
from options_platform_tests.plan_inputs import plan_inputs

FIRST, LAST = date(2017, 4, 3), date(2017, 5, 31)
COLUMNS = ("ticker", "strategy", "opened_on", "entry_price", "contracts", "closed_on",
           "exit_price", "exit_reason", "fees_usd")  # fmt: skip


def test_the_same_plans_give_the_same_trades_and_equity_as_paper_trading(tmp_path):
    settings = make_settings(
        {"home": tmp_path, "source": "simulated", "tickers": ("AAA", "BBB"),
         "iron_condor_enabled": True, "fills": {"slippage_share": 0.2},
         "plan": {"costs": {"changes": {"2017-05-01": 0.50}}},
         "risk": {"max_positions_per_ticker": 4, "max_positions": 7}}
    )  # fmt: skip
    bars, vix = random_market(("AAA", "BBB"), date(2015, 1, 2), LAST)
    inside = pl.col("date").is_between(FIRST, LAST)
    inputs = plan_inputs(bars, vix).filter(inside)
    # Regimes at random: the walk's own are calm for months.
    regimes = np.random.default_rng(8).choice(REGIMES, inputs.height)
    inputs = inputs.with_columns(regime=pl.Series(regimes))
    plans, legs = build_plans(inputs, settings.plan)
    bars, vix = bars.filter(inside), vix.filter(inside)

    broker = open_broker(settings)
    service = PaperTrading(Ledger(settings.ledger_path), broker, settings)
    # Another term structure on each day, and none on every fifth.
    days = sessions(FIRST, LAST)
    level = vix.filter(pl.col("ticker") == "AAA").sort("date")["vix"].to_numpy()
    shape = np.random.default_rng(9).uniform(0.9, 1.2, (3, len(days)))
    shape[:, ::5] = np.nan
    tenors = pl.DataFrame(
        {"date": days, "vix9d": shape[0] * level, "vix3m": shape[1] * level,
         "vix6m": shape[2] * level}
    )  # fmt: skip
    vix = vix.with_columns(vix=pl.col("vix").first().over("date"))
    closes = market_closes(bars, vix, tenors)
    with service.ledger.holding(), held(broker.path, wait_seconds=10.0):
        for day in sessions(FIRST, LAST):
            service.run_session(day, plans.filter(pl.col("date") == day), legs, closes, NOW)
        live = sorted(
            tuple(getattr(position, name) for name in COLUMNS)
            for position in service.ledger.positions()
        )
        equity = service.ledger.table("marks").sort("session")["equity_usd"]

    found = run_backtest(
        plans,
        legs,
        make_market(bars, vix, tenors=tenors),
        BacktestRules(
            start_usd=settings.account_value_usd,
            exits=settings.exits,
            risk=settings.risk,
            fills=settings.fills,
            costs=settings.plan.costs,
            chain=settings.plan.chain,
            assignment=AssignmentRules(enabled=False),
            entry_order="limit",
            buying_power=False,
        ),
    )
    ours = sorted(found.trades.select(COLUMNS).rows(), key=str)
    assert len(ours) > 5
    assert {reason for *_, reason, _ in ours} >= {"STOP_LOSS", "TIME"}
    # The account adds fees up in cents, the ledger in floats.
    assert [row[:-1] for row in ours] == [row[:-1] for row in sorted(live, key=str)]
    assert [row[-1] for row in ours] == pytest.approx([row[-1] for row in sorted(live, key=str)])
    assert found.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)
