"""The backtest: planned trades run through the sessions of a market, on one shared account.

Exits and risk limits are decided by the same functions as in live trading, and no order fills
before the session after its decision. The same inputs always give the same frames.

Only a single run belongs here. Baselines, variants and their comparison are in
`domain/backtest_study/`; loading a market and storing results in `services/backtesting/`.
"""

from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.market import BacktestMarket, make_market
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.trading.early_assignment import AssignmentRules

__all__ = [
    "AssignmentRules",
    "BacktestMarket",
    "BacktestResult",
    "BacktestRules",
    "make_market",
    "run_backtest",
]
