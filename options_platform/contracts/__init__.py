"""The tables of the warehouse, by subject; `table.py` says what a table is.

One declaration serves them all: the DuckDB schema, the refusal of frames that do not fit, the
blocking asset checks, the column metadata in the Dagster UI and the data dictionary in the docs.
"""

from __future__ import annotations

from functools import cache

from options_platform.contracts.backtest import (
    BACKTEST_CURVES,
    BACKTEST_DECISIONS,
    BACKTEST_DRAWS,
    BACKTEST_EQUITY,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_SCORES,
    BACKTEST_TABLES,
    BACKTEST_TRADES,
)
from options_platform.contracts.chains import EARNINGS, GATES, IV_HISTORY, OPTION_CHAIN
from options_platform.contracts.decisions import (
    REGIME,
    REGIME_TRANSITIONS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
)
from options_platform.contracts.features import DIRECTIONS, FEATURES_TABLE, GARCH_PARAMS, LABELS
from options_platform.contracts.market import (
    CORPORATE_ACTIONS,
    FETCHES,
    MARKET_SERIES,
    QUARANTINE,
    RAW_OHLCV,
    REVISIONS,
    VIX,
)
from options_platform.contracts.models import (
    CHAMPIONS,
    DIRECTION_MODEL,
    MODEL_FOLDS,
    MODEL_IMPORTANCE,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    TRIAL_FOLDS,
    TRIALS,
    VOLATILITY_MODEL,
)
from options_platform.contracts.orders import (
    FILLS,
    LEDGER_VIEWS,
    ORDER_STATUSES,
    PAPER_ORDERS,
    PORTFOLIO,
    POSITIONS,
)
from options_platform.contracts.table import TIMESTAMP, Column, Table

__all__ = (
    "ASSET_TABLES",
    "BACKTEST_CURVES",
    "BACKTEST_DECISIONS",
    "BACKTEST_DRAWS",
    "BACKTEST_EQUITY",
    "BACKTEST_FILLS",
    "BACKTEST_MARKS",
    "BACKTEST_SCORES",
    "BACKTEST_TABLES",
    "BACKTEST_TRADES",
    "CHAIN_TABLES",
    "CHAMPIONS",
    "CORPORATE_ACTIONS",
    "DIRECTIONS",
    "DIRECTION_MODEL",
    "EARNINGS",
    "FEATURES_TABLE",
    "FETCHES",
    "FILLS",
    "GARCH_PARAMS",
    "GATES",
    "IV_HISTORY",
    "LABELS",
    "LEDGER_VIEWS",
    "MARKET_SERIES",
    "MODEL_FOLDS",
    "MODEL_IMPORTANCE",
    "MODEL_PREDICTIONS",
    "MODEL_SCORES",
    "OPTION_CHAIN",
    "ORDER_STATUSES",
    "PAPER_ORDERS",
    "PORTFOLIO",
    "POSITIONS",
    "QUARANTINE",
    "RAW_OHLCV",
    "REGIME",
    "REGIME_TRANSITIONS",
    "REVISIONS",
    "SIDE_TABLES",
    "TIMESTAMP",
    "TRADE_PLAN",
    "TRADE_PLAN_LEGS",
    "TRIALS",
    "TRIAL_FOLDS",
    "VIX",
    "VOLATILITY_MODEL",
    "Column",
    "Table",
    "tables",
)

ASSET_TABLES = (
    RAW_OHLCV,
    VIX,
    FEATURES_TABLE,
    LABELS,
    DIRECTION_MODEL,
    VOLATILITY_MODEL,
    REGIME,
    TRADE_PLAN,
    PAPER_ORDERS,
)

CHAIN_TABLES = (OPTION_CHAIN, IV_HISTORY)
"""Assets of the sources that give option chains; `option_chain` is kept in files."""

SIDE_TABLES = (
    TRADE_PLAN_LEGS,
    MODEL_PREDICTIONS,
    REGIME_TRANSITIONS,
    QUARANTINE,
    REVISIONS,
    CORPORATE_ACTIONS,
    FETCHES,
    MARKET_SERIES,
    GARCH_PARAMS,
    MODEL_FOLDS,
    TRIALS,
    TRIAL_FOLDS,
    CHAMPIONS,
    MODEL_SCORES,
    MODEL_IMPORTANCE,
    EARNINGS,
)


@cache
def tables() -> dict[str, Table]:
    """All tables of the warehouse by name; chains are files of their own."""
    return {
        table.name: table
        for table in (
            *ASSET_TABLES,
            IV_HISTORY,
            *SIDE_TABLES,
            *LEDGER_VIEWS,
            *BACKTEST_TABLES,
        )
    }
