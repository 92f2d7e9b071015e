"""The trades that the level of confidence adds, scored apart.

In the neutral regime only a confident call is traded (`domain/planning/selection.py`). The level
was chosen on the calls up to 2020, so the trades of later years are shown by themselves.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.backtest.trade_metrics import BLOCK_TRADES, trade_intervals
from options_platform.domain.planning.selection import SelectionRules, asks_for_confidence
from options_platform.domain.statistics.bootstrap import bootstrap_interval

LAST_OF_CHOICE = date(2020, 12, 31)
"""The last session of the years on which models and levels are chosen."""

PERIODS: dict[str, pl.Expr] = {
    "all": pl.lit(value=True),
    f"to {LAST_OF_CHOICE.year}": pl.col("planned_on") <= LAST_OF_CHOICE,
    f"{LAST_OF_CHOICE.year + 1} on": pl.col("planned_on") > LAST_OF_CHOICE,
}
WITH_INTERVAL = ("win_rate", "profit_factor", "pnl_usd")
SCHEMA = pl.Schema(
    {"period": pl.String, "trades": pl.Int64}
    | {f"{name}{end}": pl.Float64 for name in WITH_INTERVAL for end in ("", "_low", "_high")}
)


def confident_trades(trades: pl.DataFrame, rules: SelectionRules) -> pl.DataFrame:
    """Scores of the closed trades of confident calls, by the period in which they were planned.

    Args:
        trades: `BacktestResult.trades`.
        rules: the rules that chose them; with a constant probability there is no level, and no
            trade is counted.

    Returns:
        period, trades, and with 95% block-bootstrap intervals (`_low`, `_high`) win_rate (a
        fraction), profit_factor and pnl_usd (sum, after fees); null without anything to compute
        them from.
    """
    by_level = asks_for_confidence(rules) & pl.lit(rules.min_probability is None)
    added = trades.drop_nulls("closed_on").filter(by_level).sort("closed_on", "plan_id")
    rows = [
        {"period": period, **_scores(added.filter(inside)["pnl_usd"].to_numpy())}
        for period, inside in PERIODS.items()
    ]
    return pl.DataFrame(rows, schema=SCHEMA).fill_nan(None)


def _scores(profit: Floats) -> dict[str, float]:
    scores: dict[str, float] = {"trades": len(profit), "pnl_usd": float(profit.sum())}
    if not len(profit):
        return scores
    block = max(1, min(BLOCK_TRADES, len(profit) // 4))
    intervals = trade_intervals(profit) | {"pnl_usd": bootstrap_interval(profit, _sum, block=block)}
    for name, interval in intervals.items():
        scores |= {
            name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high
        }  # fmt: skip
    return scores


def _sum(profit: Floats) -> Floats:
    return np.asarray(np.sum(profit, axis=-1))
