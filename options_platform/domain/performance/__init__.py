"""How well an account did: the curve's metrics, the trades', their intervals and breakdowns."""

from options_platform.domain.performance.bootstrap import (
    Interval,
    block_positions,
    bootstrap_difference,
    bootstrap_interval,
    interval_of,
)
from options_platform.domain.performance.breakdown import BREAKDOWNS, breakdown, monthly_returns
from options_platform.domain.performance.curve import CurveMetrics, curve_metrics, returns_of
from options_platform.domain.performance.targets import SEED_TARGETS, against_targets
from options_platform.domain.performance.trades import TradeMetrics, trade_intervals, trade_metrics

__all__ = [
    "BREAKDOWNS",
    "SEED_TARGETS",
    "CurveMetrics",
    "Interval",
    "TradeMetrics",
    "against_targets",
    "block_positions",
    "bootstrap_difference",
    "bootstrap_interval",
    "breakdown",
    "curve_metrics",
    "interval_of",
    "monthly_returns",
    "returns_of",
    "trade_intervals",
    "trade_metrics",
]
