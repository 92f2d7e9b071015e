"""What the fees of a spread's entry and exit take of what it can gain."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.strategies import any_strategy
from options_platform.domain.strategies.base import Strategy
from options_platform.domain.trading.costs import CostRules


def round_trip_fees(
    strategy: Strategy, sessions: NDArray[np.datetime64], costs: CostRules
) -> Floats:
    """Fees of opening and closing one spread, USD, one for each session."""
    return 2.0 * float(np.abs(strategy.sides).sum()) * costs.fees_on(sessions)


def fee_shares(trades: pl.DataFrame, costs: CostRules) -> pl.Series:
    """Round-trip fees over the maximum profit before them, 0 to 1, one for each trade.

    `trades` are rows of `trade_plan` that trade; null where the profit has no bound.
    """
    sessions = trades["date"].to_numpy()
    names = trades["strategy"]
    each = np.zeros(trades.height)
    for name in names.unique():
        each = np.where(names == name, round_trip_fees(any_strategy(name), sessions, costs), each)
    fees = pl.Series("fees_share", each)
    return fees / (trades["max_profit_usd"] / trades["contracts"] + fees)
