"""The backtest: planned trades through sessions, with the account that they share.

It decides by the functions that live trading uses (`plan`, `exits`, `risk`) and fills no earlier
than the session after a decision. Everything here is pure; the same inputs give the same frames.
"""

from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.market import BacktestMarket, make_market
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import AssignmentRules, BacktestRules

__all__ = [
    "AssignmentRules",
    "BacktestMarket",
    "BacktestResult",
    "BacktestRules",
    "make_market",
    "run_backtest",
]
