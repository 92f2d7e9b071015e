"""The asset `backtest` and its checks."""
