"""Declarations of the warehouse's tables, by subject; `table.py` defines what a table is.

Each table is declared once. The DuckDB schema, the validation before each write, the blocking
asset checks, the column metadata in the Dagster UI and the data dictionary in the docs are all
derived from that declaration.

Nothing is computed, read or written here, and contracts import no other part of the platform
except `common` and `errors`. Three things are declared elsewhere: the columns of `features`, which
come from the feature declarations (`domain/features/table.py`), the list of tables in a warehouse
(`adapters/storage/tables.py`), and the SQL marts, whose files in `dbt_like_sql/` name the unit of a
column in its suffix (`_usd`, `_pct`) or in their first comment.
"""

from __future__ import annotations

from options_platform.contracts.backtest import (
    BACKTEST_CURVES,
    BACKTEST_DECISIONS,
    BACKTEST_DRAWS,
    BACKTEST_EQUITY,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_PRICE_RISK,
    BACKTEST_SCORES,
    BACKTEST_SOURCES,
    BACKTEST_TABLES,
    BACKTEST_TRADES,
)
from options_platform.contracts.chains import (
    CHAIN_INDEX,
    GATES,
    IV_HISTORY,
    OPTION_CHAIN,
    SURFACE_ERROR,
    SURFACE_FIT,
)
from options_platform.contracts.decisions import (
    PLAN_ALTERNATE_LEGS,
    PLAN_ALTERNATES,
    REGIME,
    REGIME_TRANSITIONS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
)
from options_platform.contracts.earnings import EARNINGS, EARNINGS_KNOWN
from options_platform.contracts.earnings_moves import EARNINGS_EVENTS, EARNINGS_FORECAST
from options_platform.contracts.features import DIRECTIONS, GARCH_PARAMS, LABELS
from options_platform.contracts.groups import TICKER_GROUPS
from options_platform.contracts.market import (
    CORPORATE_ACTIONS,
    FAILED_TICKERS,
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
    PORTFOLIO_SETS,
    POSITIONS,
)
from options_platform.contracts.refusals import BACKTEST_REFUSAL_PRICES, BACKTEST_REFUSED_TRADES
from options_platform.contracts.rule_sets import (
    ACCOUNT_SET_SCORES,
    RULE_SET_CURVES,
    RULE_SET_SCORES,
)
from options_platform.contracts.studies import STUDIES, STUDY_RESULTS
from options_platform.contracts.table import TIMESTAMP, Column, Table

__all__ = (
    "ACCOUNT_SET_SCORES",
    "BACKTEST_CURVES",
    "BACKTEST_DECISIONS",
    "BACKTEST_DRAWS",
    "BACKTEST_EQUITY",
    "BACKTEST_FILLS",
    "BACKTEST_MARKS",
    "BACKTEST_PRICE_RISK",
    "BACKTEST_REFUSAL_PRICES",
    "BACKTEST_REFUSED_TRADES",
    "BACKTEST_SCORES",
    "BACKTEST_SOURCES",
    "BACKTEST_TABLES",
    "BACKTEST_TRADES",
    "CHAIN_INDEX",
    "CHAMPIONS",
    "CORPORATE_ACTIONS",
    "DIRECTIONS",
    "DIRECTION_MODEL",
    "EARNINGS",
    "EARNINGS_EVENTS",
    "EARNINGS_FORECAST",
    "EARNINGS_KNOWN",
    "FAILED_TICKERS",
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
    "PLAN_ALTERNATES",
    "PLAN_ALTERNATE_LEGS",
    "PORTFOLIO",
    "PORTFOLIO_SETS",
    "POSITIONS",
    "QUARANTINE",
    "RAW_OHLCV",
    "REGIME",
    "REGIME_TRANSITIONS",
    "REVISIONS",
    "RULE_SET_CURVES",
    "RULE_SET_SCORES",
    "STUDIES",
    "STUDY_RESULTS",
    "SURFACE_ERROR",
    "SURFACE_FIT",
    "TICKER_GROUPS",
    "TIMESTAMP",
    "TRADE_PLAN",
    "TRADE_PLAN_LEGS",
    "TRIALS",
    "TRIAL_FOLDS",
    "VIX",
    "VOLATILITY_MODEL",
    "Column",
    "Table",
)
