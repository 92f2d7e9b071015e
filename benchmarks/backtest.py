"""Time of a backtest over 22 years and two tickers, of its refusals, and of fifty variants.

Plans come from random predictions, as many as a model makes. The market is the real one if
OPTIONS_REFERENCE_DATA is set (SPY and QQQ, 2003 to 2024), otherwise random walks of the same
length. Prints wall time and CPU time; the grid runs on `--workers` processes.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path

import polars as pl

from benchmarks.timed_backtests import timed, timed_grid
from options_platform.domain.backtest import (
    BacktestMarket,
    BacktestRules,
    make_market,
    run_backtest,
)
from options_platform.domain.backtest_study.refusal_prices import price_refusals
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.testing.market import from_source, random_market
from options_platform.testing.plan_inputs import plan_inputs

GOAL_SECONDS, GOAL_GRID_SECONDS = 10.0, 120.0
FIRST = date(2003, 1, 2)
VARIANTS = list(product((0.25, 0.4, 0.5, 0.75, 0.9), (1.0, 1.5, 2.0, 2.5, 3.0), (14, 21)))


RULES = PlanRules(selection=SelectionRules(iron_condor_enabled=True))


def bars_and_index() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars and volatility index of SPY and QQQ, or of random walks of the same length."""
    folder = os.environ.get("OPTIONS_REFERENCE_DATA")
    if not folder:
        return random_market(("QQQ", "SPY"), date(2001, 1, 2), date(2024, 12, 31))
    from options_platform.adapters.sources import SourceOptions, open_source

    places = os.pathsep.join(str(Path(folder) / part) for part in ("prices", "vol"))
    return from_source(open_source("csv", SourceOptions(csv_dir=places)), 2000, 2024)


@cache
def market_and_inputs() -> tuple[BacktestMarket, pl.DataFrame]:
    """The market, and the inputs of plans in its sessions."""
    bars, vix = bars_and_index()
    inputs = plan_inputs(bars, vix)
    late = pl.col("date") >= FIRST
    return make_market(bars.filter(late), vix.filter(late)), inputs.filter(late)


@cache
def market_and_plans() -> tuple[BacktestMarket, pl.DataFrame, pl.DataFrame]:
    """The market, and plans and legs by the default rules with iron condors."""
    market, inputs = market_and_inputs()
    return market, *build_plans(inputs, RULES)


def variant(index: int) -> float:
    """Final equity of one variant of the exits, in USD."""
    market, plans, legs = market_and_plans()
    profit, stop, days = VARIANTS[index]
    exits = ExitRules(credit_take_profit=profit, credit_stop=stop, exit_dte=days)
    result = run_backtest(plans, legs, market, replace(BacktestRules(), exits=exits))
    return float(result.equity["equity_usd"][-1])


def follow_refusals() -> None:
    """Print the time of one backtest with its plans, and of the same with all that it refuses."""
    market, inputs = market_and_inputs()
    start = time.process_time()
    run_backtest(*build_plans(inputs, RULES), market, BacktestRules())
    alone = time.process_time() - start
    start = time.process_time()
    priced = price_refusals(inputs, RULES, BacktestRules(), market)
    seconds = time.process_time() - start
    followed = priced.trades["pnl_usd"].count()
    print(f"with {followed} of {priced.trades.height} refusals followed and priced: "
          f"{seconds:.2f} CPU s, {seconds / alone:.1f} times plans and backtest alone")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    market, plans, legs = market_and_plans()
    print(f"market and {(plans['decision'] == 'trade').sum()} planned trades: "
          f"{time.perf_counter() - start:.1f} s")  # fmt: skip
    timed("one backtest", lambda: run_backtest(plans, legs, market, BacktestRules()), GOAL_SECONDS)
    follow_refusals()
    timed_grid(variant, len(VARIANTS), options.workers, GOAL_GRID_SECONDS)


if __name__ == "__main__":
    main()
