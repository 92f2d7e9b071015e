"""Evaluation of backtests: baselines, random draws, variants, scorecards, overfitting.

A single backtest run belongs to `domain/backtest/`, general statistics to `domain/statistics/`.
"""
