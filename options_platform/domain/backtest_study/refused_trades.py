"""Every refused row of a backtest: the gate that refused it, and how the trade would have ended."""

from __future__ import annotations

import polars as pl

from options_platform.domain.backtest.followed import FOLLOWED, follow_refused
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.gates import let_through
from options_platform.domain.planning.plan import PlanRules, build_plans


def refused_trades(
    inputs: pl.DataFrame, plan: PlanRules, rules: BacktestRules, market: BacktestMarket
) -> tuple[BacktestResult, pl.DataFrame]:
    """The backtest of these rules, and what its plan and its account refused.

    Args:
        inputs: what `build_plans` takes, one row per session and ticker.
        plan: settings of the plan.
        rules: settings of the backtest.
        market: from `make_market`.

    Returns:
        The result of `run_backtest`, and rows of `FOLLOWED`, one for each row of `inputs` within
        the market's sessions that came to no trade of the account, sorted by date and ticker.
    """
    chain_of = market.chain_of(rules.chains)
    plans, legs = build_plans(inputs, plan, chain_of)
    candidates = let_through(inputs, plans, plan, chain_of)
    run = follow_refused(plans, legs, candidates.plans, candidates.legs, market, rules)
    without_trade = candidates.without_trade.select(
        "date",
        "ticker",
        "not_followed",
        gate=pl.col("gates").list.first(),
        later_gates=pl.col("gates").list.slice(1),
    )
    within = without_trade.filter(pl.col("date").is_in(market.sessions))
    every = pl.concat([run.refused, within], how="diagonal").select(FOLLOWED.names())
    return run.result, every.sort("date", "ticker")
