"""Backtests of stored predictions: loading, running with baselines, tables and trials."""
