"""Backtests of stored predictions: loading, running with baselines, tables and trials.

The simulation belongs to `domain.backtest`, the comparison of runs to `domain.backtest_study`.
"""
