"""Fitting and judging the synthetic surface on real chains: reading, fit, errors, the page's table.

Run by `python -m tools.calibrate_chain`. Only chains and volatility indices are read here; nothing
that the surface is tested against, such as published strategy indices, may be.
"""
