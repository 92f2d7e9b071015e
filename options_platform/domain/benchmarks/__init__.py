"""Cboe's strategy indices on modelled option prices: PUT, CNDR and PPUT.

Cboe publishes the levels and the rules of these indices. Here the rules are followed on prices of
the synthetic surface, so the difference between the returns is the error of the prices. Nothing
here is used to plan or trade, and nothing is fitted to the published levels.

Rules of published indices and the history that they need belong here. Reading files does not
(`tools/strategy_indices.py`), nor does the trading engine (`domain/backtest/`).
"""

from options_platform.domain.benchmarks.condor import CONDOR_COVER, condor_growth
from options_platform.domain.benchmarks.marking import Costs, Growth, annual_returns, index_levels
from options_platform.domain.benchmarks.protective_put import protective_put_growth
from options_platform.domain.benchmarks.put_write import put_premiums, put_write_growth
from options_platform.domain.benchmarks.rolls import (
    Instants,
    Period,
    index_history,
    instants,
    roll_days,
    roll_periods,
)

__all__ = [
    "CONDOR_COVER",
    "Costs",
    "Growth",
    "Instants",
    "Period",
    "annual_returns",
    "condor_growth",
    "index_history",
    "index_levels",
    "instants",
    "protective_put_growth",
    "put_premiums",
    "put_write_growth",
    "roll_days",
    "roll_periods",
]
