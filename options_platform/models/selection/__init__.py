"""Choice of the models: candidates, trials, parameter search, and importance of inputs.

The promotion of a chosen variant to champion is in `models/promotion.py`.
"""
