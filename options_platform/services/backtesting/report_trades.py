"""The backtest of each earnings strategy alone, on stored quotes: its record for the gate."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.backtest import BacktestRules, run_backtest
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.earnings.trade_rules import (
    EARNINGS_STRATEGIES,
    NO_TRADE,
    SELLING,
    EarningsTradeRules,
)
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.report_trades.choice import TRADES_REPORT, with_price_inputs
from options_platform.domain.strategies import any_strategy
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.backtesting.tables import strategy_frames


def backtest_report_trades(
    data: BacktestData, plan: PlanRules, rules: BacktestRules
) -> dict[str, BacktestResult]:
    """By earnings strategy what it alone would have made of all reports, under one fill model.

    A strategy that may lose without bound is left out unless the plan allows that. Nothing else is
    traded, so that each record is the strategy's own.
    """
    reports = with_price_inputs(data.inputs, plan.earnings_trades).filter(TRADES_REPORT)
    results = {}
    for name in EARNINGS_STRATEGIES if reports.height else ():
        if not plan.permits(any_strategy(name)):
            continue
        only = only_strategy(plan.earnings_trades, name)
        alone = replace(plan, earnings_trades=only)
        plans, legs = build_plans(
            reports.drop(TRADES_REPORT), alone, data.market.chain_of(rules.chains)
        )
        if (plans["decision"] == "trade").any():
            traded = replace(rules, earnings_trades=only, sets={})
            results[name] = run_backtest(plans, legs, data.market, traded)
    return results


def only_strategy(rules: EarningsTradeRules, name: str) -> EarningsTradeRules:
    """The rules with one strategy, on its side of the price, and none on the other."""
    sells = name in SELLING
    return replace(rules, sell=name if sells else NO_TRADE, buy=NO_TRADE if sells else name)


def store_report_trades(
    warehouse: Warehouse, results: dict[str, BacktestResult], plan: PlanRules, fill_model: str
) -> None:
    """Replace the runs that are named after the strategies."""
    for name, result in results.items():
        warehouse.replace(strategy_frames(name, result, plan.rule_set, fill_model), "run", name)


def traded_reports(results: dict[str, BacktestResult]) -> pl.DataFrame:
    """strategy, trades, mean_usd, won and worst_usd of each strategy that traded."""
    rows = [
        (name, profit.len(), profit.mean(), (profit > 0).mean(), profit.min())
        for name, result in results.items()
        if (profit := result.trades["pnl_usd"]).len()
    ]
    names = ["strategy", "trades", "mean_usd", "won", "worst_usd"]
    return pl.DataFrame(rows, schema=names, orient="row")
