"""The tables of a warehouse, and which of them are assets."""

from __future__ import annotations

from functools import cache

from options_platform.contracts import (
    ACCOUNT_SET_SCORES,
    BACKTEST_TABLES,
    CHAIN_INDEX,
    CHAMPIONS,
    CORPORATE_ACTIONS,
    DIRECTION_MODEL,
    EARNINGS,
    EARNINGS_EVENTS,
    EARNINGS_FORECAST,
    EARNINGS_KNOWN,
    FAILED_TICKERS,
    FETCHES,
    GARCH_PARAMS,
    IV_HISTORY,
    LABELS,
    LEDGER_VIEWS,
    MARKET_SERIES,
    MODEL_FOLDS,
    MODEL_IMPORTANCE,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    OPTION_CHAIN,
    PAPER_ORDERS,
    PLAN_ALTERNATE_LEGS,
    PLAN_ALTERNATES,
    PORTFOLIO_SETS,
    QUARANTINE,
    RAW_OHLCV,
    REGIME,
    REGIME_TRANSITIONS,
    REVISIONS,
    RULE_SET_CURVES,
    RULE_SET_SCORES,
    STUDIES,
    STUDY_RESULTS,
    SURFACE_ERROR,
    SURFACE_FIT,
    TICKER_GROUPS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    TRIAL_FOLDS,
    TRIALS,
    VIX,
    VOLATILITY_MODEL,
    Table,
)
from options_platform.domain.features.table import FAMILY_TABLES, FEATURES_TABLE

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

COMPUTED_TABLES = tuple(t for t in ASSET_TABLES if t not in (RAW_OHLCV, VIX, PAPER_ORDERS))
"""Assets that a backfill computes again from what is stored: neither fetched nor of the ledger."""

CHAIN_TABLES = (OPTION_CHAIN, IV_HISTORY, SURFACE_ERROR)
"""Assets of sources with option chains; `option_chain` is stored in files."""

EVENT_TABLES = (EARNINGS,)
"""Assets that have rows for some sessions only."""

REPORT_TABLES = (EARNINGS_EVENTS, EARNINGS_FORECAST)
"""The same, of tickers that report earnings; a home of funds alone has no such assets."""

SIDE_TABLES = (
    TRADE_PLAN_LEGS,
    PLAN_ALTERNATES,
    PLAN_ALTERNATE_LEGS,
    MODEL_PREDICTIONS,
    REGIME_TRANSITIONS,
    QUARANTINE,
    REVISIONS,
    CORPORATE_ACTIONS,
    EARNINGS_KNOWN,
    FETCHES,
    FAILED_TICKERS,
    MARKET_SERIES,
    GARCH_PARAMS,
    CHAIN_INDEX,
    SURFACE_FIT,
    MODEL_FOLDS,
    TRIALS,
    TRIAL_FOLDS,
    CHAMPIONS,
    MODEL_SCORES,
    MODEL_IMPORTANCE,
    RULE_SET_SCORES,
    RULE_SET_CURVES,
    PORTFOLIO_SETS,
    ACCOUNT_SET_SCORES,
    STUDIES,
    STUDY_RESULTS,
    TICKER_GROUPS,
)


@cache
def tables() -> dict[str, Table]:
    """All tables of the warehouse by name; option chains are separate files."""
    return {
        table.name: table
        for table in (
            *ASSET_TABLES,
            IV_HISTORY,
            SURFACE_ERROR,
            *SIDE_TABLES,
            *EVENT_TABLES,
            *FAMILY_TABLES,
            *REPORT_TABLES,
            *LEDGER_VIEWS,
            *BACKTEST_TABLES,
        )
    }
