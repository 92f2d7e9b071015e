"""The platform from Python: a home's tables, data for models of one's own, and backtests.

What researchers import; docs/python-api.md shows it at work. It reads, computes and records trials;
runs and trading belong to the command line and to Dagster.
"""

from options_platform.api.backtest import Backtest, Figure
from options_platform.api.home import Home, open_home
from options_platform.api.training_data import Split, TrainingData

__all__ = ["Backtest", "Figure", "Home", "Split", "TrainingData", "open_home"]
