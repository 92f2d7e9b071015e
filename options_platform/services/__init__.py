"""What gets something done by calling ports: fetch, plan, trade, run a backtest, keep accounts.

A service orders the steps and leaves what is decided to the domain. No Dagster, no printing.
"""
