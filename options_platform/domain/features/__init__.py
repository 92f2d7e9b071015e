"""Declarations of features: formula, unit, lookback, and whether a model may see it.

A feature is a line in its family's file. What evaluates formulas is `domain/feature_engine/`.
"""
