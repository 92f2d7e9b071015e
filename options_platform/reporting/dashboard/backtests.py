"""Backtest: the stored run beside its baselines, rule sets side by side, and where profit was."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.contracts import (
    ACCOUNT_SET_SCORES,
    BACKTEST_CURVES,
    BACKTEST_SCORES,
    BACKTEST_TRADES,
    RULE_SET_CURVES,
    RULE_SET_SCORES,
)
from options_platform.contracts.backtest import CONFIGURED
from options_platform.contracts.rule_sets import ACCOUNT_PART, AS_SET
from options_platform.domain.backtest_study.scorecard import MODEL
from options_platform.domain.statistics.breakdown import BREAKDOWNS, breakdown
from options_platform.reporting.backtest_figures import shown_name
from options_platform.reporting.charts.account import drawdown, equity_curves
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import (
    exact,
    gain,
    interval,
    money,
    ratio,
    share,
    text,
    whole,
)

COLUMNS = {
    "name": ("Rules", exact), "fill_model": ("Fills", text), "trades": ("Trades", whole),
    "win_rate": ("Won", share), "profit_factor": ("Profit factor", ratio),
    "sharpe": ("Sharpe", ratio), "interval": ("95% interval", exact),
    "sortino": ("Sortino", ratio), "cagr": ("A year", share),
    "volatility_annual": ("Volatility", share), "max_drawdown": ("Drawdown", share),
    "exposure": ("Exposure", share), "equity_usd": ("Equity, USD", money),
}  # fmt: skip


def backtests(view: View) -> dict[str, Any]:
    """The content of the page; `scores` is None without a run."""
    is_shown = pl.col("run") == CONFIGURED
    scores = view.warehouse.read(BACKTEST_SCORES).filter(is_shown)
    if scores.is_empty():
        return {"scores": None}
    fill = scores.filter(pl.col("kind") == "hold")["fill_model"][0]
    curves = view.warehouse.read(BACKTEST_CURVES).filter(is_shown)
    trades = view.warehouse.read(BACKTEST_TRADES).filter(is_shown, pl.col("fill_model") == fill)
    model = curves.filter(pl.col("name") == MODEL).sort("date")
    peak = pl.col("equity_usd").cum_max()
    below = model.with_columns(drawdown=1.0 - pl.col("equity_usd") / peak)
    shown = scores.filter(pl.col("fill_model") == fill)
    others = scores.filter(pl.col("name") == MODEL)
    return {
        "first": scores["first"].min(),
        "last": scores["last"].max(),
        "fill_model": fill,
        "scores": _scores("The run beside its baselines and holding", shown),
        "fills": _scores("The same rules at each fill model", others),
        "curves": equity_curves(_by_name(curves, "name")),
        "drawdown": drawdown(below),
        "breakdowns": [_breakdown(trades, by) for by in BREAKDOWNS],
        **_rule_sets(view),
    }


def _by_name(curves: pl.DataFrame, column: str) -> dict[str, pl.DataFrame]:
    """The curves by what they are called, the model's first."""
    parts = curves.sort(pl.col(column) != MODEL, column, "date").partition_by(
        column, maintain_order=True
    )
    return {shown_name(str(part[column][0])): part for part in parts}


def _scores(caption: str, scores: pl.DataFrame) -> dict[str, Any]:
    kinds = {"model": 0, "baseline": 1, "hold": 2}
    rows = [
        {**row, "name": shown_name(row["name"]),
         "interval": interval(row["sharpe_low"], row["sharpe_high"])}
        for row in sorted(scores.to_dicts(), key=lambda row: (kinds[row["kind"]], row["name"]))
    ]  # fmt: skip
    return grid(caption, rows, COLUMNS)


def _breakdown(trades: pl.DataFrame, by: str) -> dict[str, Any]:
    return grid(
        f"Closed trades by {by.replace('_', ' ')}",
        breakdown(trades, by).to_dicts(),
        {by: (by.replace("_", " ").capitalize(), text), "trades": ("Trades", whole),
         "win_rate": ("Won", share), "pnl_usd": ("Profit, USD", gain),
         "expectancy_usd": ("A trade, USD", gain), "profit_factor": ("Profit factor", ratio)},
        "No trade was closed.",
    )  # fmt: skip


def _rule_sets(view: View) -> dict[str, Any]:
    """The newest comparison of rule sets, and of several in one account."""
    stored = view.warehouse.read(RULE_SET_SCORES).filter(pl.col("case") == AS_SET)
    rows = [
        row | {"interval": interval(row["sharpe_low"], row["sharpe_high"])}
        for row in stored.to_dicts()
    ]
    together = view.warehouse.read(ACCOUNT_SET_SCORES).filter(pl.col("part") == ACCOUNT_PART)
    accounts = [
        row | {"interval": interval(row["sharpe_low"], row["sharpe_high"])}
        for row in together.to_dicts()
    ]
    columns = {
        "trades": ("Trades", whole), "win_rate": ("Won", share),
        "profit_factor": ("Profit factor", ratio), "sharpe": ("Sharpe", ratio),
        "interval": ("95% interval", exact), "max_drawdown": ("Drawdown", share),
    }  # fmt: skip
    curves = view.warehouse.read(RULE_SET_CURVES)
    return {
        "sets": grid(
            "Rule sets side by side",
            rows,
            {"rule_set": ("Rule set", exact), **columns},
            "Compare rule sets: options-platform backtest --rule-sets plan,premium_ladder",
        ),
        "set_curves": equity_curves(_by_name(curves, "rule_set")) if curves.height else None,
        "together": grid(
            "Several sets in one account", accounts, {"fill_model": ("Fills", text), **columns}
        )
        if accounts
        else None,
    }
