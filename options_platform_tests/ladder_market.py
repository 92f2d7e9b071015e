"""A year of a ladder: a spread a week in each of four tickers, held to its last days.

In the made-up market tickers pay dividends that are to be expected; one also pays two that are not.
Before the first its sold calls are assigned, and the dividend is owed. Late in the year it opens
far lower in one night: its put spreads are lost together, and the deepest puts are assigned before
the second, which is received.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.backtest import (
    BacktestResult,
    make_market,
    run_backtest,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.plan import build_plans
from options_platform.services.planning.plan_tables import Market, market_closes
from options_platform.settings import Settings, make_settings
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.alpaca_market import LADDER, rules_of_a_paper_account

TICKERS = ("AAA", "BBB", "CCC", "DDD")
GAP = 0.62
"""What the close after the gap is of the one before."""
DIVIDEND_USD = 1.5
SPECIALS = {date(2016, 11, 23): 1.8, date(2017, 5, 3): 0.25}
"""Dividends of DDD that nobody can expect but the holders of its options, USD a share."""

EARLY = {"min_delta": 0.9, "max_extrinsic_usd": 0.02}

UNLIMITED = dict.fromkeys((f"max_{name}_risk_pct" for name in
                           ("trade", "ticker", "expiry", "group", "total")), 1.0)  # fmt: skip
RULES: dict[str, Any] = {
    "fills": {"slippage_share": 0.05},
    "backtest": {"assignment": EARLY},
    # An exit climbs to its worst price, so that it fills as in the backtest.
    "ladder": {**LADDER, "exit_concession_usd": 50.0},
    "risk": {**UNLIMITED, "max_positions": 40, "max_positions_per_ticker": 12,
             "gap": {"max_loss_pct": 1.0},
             "greeks": dict.fromkeys(("delta_pct", "gamma_pct", "vega_pct", "theta_pct"), 99.0)},
    "exits": {"credit_take_profit": 9.0, "credit_stop": 3.0, "credit_stop_cap": 1.0,
              "debit_take_profit": 9.0, "exit_dte": 0},
    "plan": {
        "selection": {
            "strategy": "bull_put_spread", "cadence": "week", "dte_shift": 0, "min_dte": 35,
            "max_dte": 60, "base_dte": dict.fromkeys(REGIMES, 45), "veto_credit_above": 1.0,
            "veto_debit_below": -1.0,
            "votes": {"needed": 1, "above": {"vrp_percentile": 0.25},
                      "otherwise": "bull_call_spread", "thin_below": 0.25},
        },
        "strikes": {"short_delta": dict.fromkeys(REGIMES, 0.15), "width_mode": "expected_move",
                    "width_moves": 0.75, "narrow_to_fit": False},
        "sizing": {"risk_pct": 0.03, "regime_multiplier": dict.fromkeys(REGIMES, 1.0)},
        "liquidity": {"max_width_share": 2.0},
        "stocks": {"max_width_share": 1.0},
    },
}  # fmt: skip


@dataclass(frozen=True)
class LadderYear:
    """Plans and market of the year, and what a backtest makes of them.

    The backtest goes without the plan of `rejected`, whose entry the brokers are to reject.
    """

    settings: Settings
    days: list[date]
    plans: pl.DataFrame
    legs: pl.DataFrame
    closes: Market
    backtest: BacktestResult
    rejected: str


def ladder_year(
    home: Any,
    first: date,
    last: date,
    gap_on: date,
    **changes: Any,
) -> LadderYear:
    """The sessions from `first` to `last`; DDD opens lower on `gap_on`."""
    settings = make_settings(
        {"home": home, "source": "simulated", "tickers": TICKERS, **RULES, **changes}
    )
    bars, vix = random_market(TICKERS, date(2015, 1, 2), last)
    number = pl.int_range(pl.len()).over("ticker", order_by="date")
    has_gap = (pl.col("ticker") == "DDD") & (pl.col("date") >= gap_on)
    special = pl.when(pl.col("ticker") == "DDD").then(
        pl.col("date").replace_strict(SPECIALS, default=None, return_dtype=pl.Float64)
    )
    bars = bars.with_columns(
        close=(pl.col("close") * pl.when(has_gap).then(GAP).otherwise(1.0)).round(2),
        dividend=pl.coalesce(special, pl.when(number % 63 == 18).then(DIVIDEND_USD).otherwise(0.0)),
    )
    paid = bars.select("date", "ticker", "dividend")
    inside = pl.col("date").is_between(first, last)
    thin = np.random.default_rng(4).uniform(0.0, 1.0, bars.height)
    inputs = plan_inputs(bars, vix).with_columns(vrp_percentile=pl.Series(thin)).filter(inside)
    plans, legs = build_plans(inputs, settings.plan)
    bars, vix = bars.filter(inside), vix.filter(inside)
    market = make_market(bars, vix, dividends=paid)
    rules = replace(rules_of_a_paper_account(settings), assignment=settings.backtest.assignment)
    rejected = _alone(run_backtest(plans, legs, market, rules).trades)
    result = run_backtest(plans.filter(pl.col("plan_id") != rejected), legs, market, rules)
    closes = market_closes(bars, vix, dividends=paid)
    return LadderYear(settings, sessions(first, last), plans, legs, closes, result, rejected)


def _alone(trades: pl.DataFrame) -> str:
    """The plan of an entry that is the only order of its ticker in its session."""
    leaves = trades.select("ticker", opened_on="closed_on").drop_nulls()
    alone = trades.join(leaves, on=["ticker", "opened_on"], how="anti")
    return str(alone["plan_id"][alone.height // 2])
