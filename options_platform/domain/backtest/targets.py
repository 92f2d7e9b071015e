"""Performance targets, and whether a run meets them."""

from __future__ import annotations

import polars as pl

from options_platform.domain.backtest.trade_metrics import TradeMetrics
from options_platform.domain.statistics.curve import CurveMetrics

SEED_TARGETS: dict[str, float] = {"sharpe": 1.0, "win_rate": 0.55, "profit_factor": 1.3}
"""Target values; a metric must exceed its target."""


def against_targets(curve: CurveMetrics, trades: TradeMetrics) -> pl.DataFrame:
    """Columns metric, value, target, met; an undefined metric counts as missed."""
    values = {**vars(trades), **vars(curve)}
    return pl.DataFrame(
        [(name, values[name], target, values[name] > target)
         for name, target in SEED_TARGETS.items()],
        schema={"metric": pl.String, "value": pl.Float64, "target": pl.Float64, "met": pl.Boolean},
        orient="row",
    )  # fmt: skip
