"""Rules and formulas on frames and arrays: the same code for a backtest and for tonight's run.

Nothing here reads a clock, the environment, a disk or the network, and nothing imports a
framework. Code that needs these belongs in `services/` or `adapters/`.
"""
