"""`backtest` with `budgets`: the rule sets that trade at once, in one account."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtests.output import about, say_about
from options_platform.commands.common import ConsoleProgress, print_json, print_table, say
from options_platform.contracts.rule_sets import ACCOUNT_PART, SET_PART
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.account_sets import BLOCK_SESSIONS
from options_platform.services.backtesting.account_sets import backtest_account
from options_platform.services.backtesting.run import BacktestData
from options_platform.settings import Settings

COLUMNS = ("rule_set", "share", "fill_model", "trades", "pnl_usd", "sharpe", "interval", "cagr",
           "max_drawdown", "win_rate", "profit_factor", "moved", "netting_conflicts",
           "set_limits")  # fmt: skip


def trade_account(
    args: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    rules: BacktestRules,
) -> int:
    """Backtest all sets of the budgets together, count it as a trial, and store its scores."""
    now = datetime.now(UTC)
    tested = backtest_account(settings, rules, data, warehouse, now, ConsoleProgress())
    if args.json:
        shown = tested.rows.drop("comparison", "tested_at", "first", "last")
        print_json({**about(data), "account": shown.to_dicts()})
        return 0
    say_about(data)
    rows, fill = tested.rows.to_dicts(), rules.fills.model
    print_table([_cells(row) for row in rows if row["part"] == ACCOUNT_PART], COLUMNS)
    say(f"Of that, by rule set, fills {fill}:")
    of_sets = [row for row in rows if (row["part"], row["fill_model"]) == (SET_PART, fill)]
    print_table([_cells(row) for row in of_sets], COLUMNS)
    say(f"Intervals are 95% by bootstrap over blocks of {BLOCK_SESSIONS} sessions. The Sharpe "
        "ratio of a set is that of the account with its positions alone.")  # fmt: skip
    say("moved: trades at the next strikes, since another set had the other side of their "
        "plan's; netting_conflicts: entries without a free strike; set_limits: entries beyond a "
        "limit of their set.")  # fmt: skip
    return 0


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    percent = ("share", "cagr", "max_drawdown", "win_rate")
    low, high = row["sharpe_low"], row["sharpe_high"]
    return {
        **row,
        **{name: None if row[name] is None else f"{100 * row[name]:.1f}%" for name in percent},
        "interval": "-" if low is None or high is None else f"[{low:.2f}, {high:.2f}]",
    }
