"""`backtest --rule-sets plan,NAME`: rule sets side by side, each with its interval and trials."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtests.output import about, say_about
from options_platform.commands.common import ConsoleProgress, print_json, print_table, say
from options_platform.contracts.rule_sets import AS_SET
from options_platform.domain.backtest.results import HELD_NOTE
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.errors import UsageError
from options_platform.services.backtesting.rule_sets import (
    ComparedSet,
    compare_and_store,
    compared_set,
)
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.settings import Settings, load_settings

MORE_THAN_LUCK = 0.95
COLUMNS = ("rule_set", "version", "trades", "sharpe", "interval", "gain", "cagr", "volatility",
           "max_drawdown", "win_rate", "profit_factor", "own_trials", "trials",
           "deflated")  # fmt: skip


def sets_to_compare(args: argparse.Namespace, warehouse: Warehouse) -> list[ComparedSet]:
    """The sets that `--rule-sets` names, each as its file states it.

    Raises :class:`UsageError` for a set that is named twice, and beside options that change rules,
    and :class:`SettingsError` for a set that does not exist or cannot be read.
    """
    if args.set or args.vary or args.optuna is not None:
        raise UsageError(
            "--rule-sets compares sets as their files state them; leave out --set, --vary and "
            "--optuna, or write the change into a set of your own"
        )
    names: Sequence[str] = args.rule_sets
    if not names or len(set(names)) < len(names):
        raise UsageError("--rule-sets takes each set once, e.g. plan,premium_ladder")
    return [compared_set(with_fits(load_settings(rule_set=name), warehouse)) for name in names]


def with_fill(sets: Sequence[ComparedSet], rules: BacktestRules) -> list[ComparedSet]:
    """The sets under the fill model of `rules`."""
    return [
        replace(
            each,
            variant=replace(each.variant, rules=replace(each.variant.rules, fills=rules.fills)),
        )
        for each in sets
    ]


def compare(
    args: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    sets: Sequence[ComparedSet],
) -> int:
    """Backtest the sets side by side, count each as a trial, and store the comparison."""
    rows = compare_and_store(
        settings, sets, data, warehouse, datetime.now(UTC), ConsoleProgress(), args.workers
    )
    if args.json:
        shown = rows.drop("comparison", "tickers", "first", "last", "compared_at")
        print_json({**about(data), "rule_sets": shown.to_dicts()})
        return 0
    say_about(data)
    _show(rows)
    return 0


def _show(rows: pl.DataFrame) -> None:
    as_set = rows.filter(case=AS_SET)
    print_table([_cells(row) for row in as_set.to_dicts()], COLUMNS)
    beside = str(as_set["beside"][0])
    say(f"Intervals are 95% by bootstrap over blocks of {BLOCK_SESSIONS} sessions; gain is the "
        f"Sharpe ratio less that of {beside}, drawn with the same blocks.")  # fmt: skip
    say("Deflated by all trials: the variants of any rules that were ever tried in this home, and "
        f"those elsewhere that a set's file states; above {MORE_THAN_LUCK} is more than luck. "
        f"{_verdict(as_set)}")  # fmt: skip
    say("Sharpe ratio if fills, volatilities or the policy of expiry were others:")
    wide = rows.pivot("case", index="rule_set", values="sharpe", maintain_order=True)
    print_table(wide.to_dicts(), wide.columns)
    if rows["held_to_expiry"].sum():
        say(f"held_to_expiry: {HELD_NOTE}")


def _verdict(as_set: pl.DataFrame) -> str:
    proven = as_set.filter(pl.col("deflated_sharpe") > MORE_THAN_LUCK)["rule_set"].to_list()
    if not proven:
        return "None of these sets is."
    return f"Only {', '.join(proven)} {'is' if len(proven) == 1 else 'are'}."


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    percent = ("cagr", "max_drawdown", "win_rate")
    return {
        **row,
        **{name: _percent(row[name]) for name in percent},
        "volatility": _percent(row["volatility_annual"]),
        "interval": _ends(row, "sharpe"),
        "gain": None if row["gain"] is None else f"{row['gain']:.2f} {_ends(row, 'gain')}",
        "deflated": row["deflated_sharpe"],
    }


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f}%"


def _ends(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "-" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"
