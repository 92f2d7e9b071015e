"""Services get something done by calling ports: fetch, plan, trade, backtest, keep accounts.

A service carries out steps in order; decisions belong to `domain`. Dagster belongs to `defs`, and
printing to `commands`.
"""
