"""Declarations of features: formula, unit, lookback, and whether a model may see them.

To add a feature, add a declaration to the file of its family. The evaluation of formulas belongs to
`domain/feature_engine/`.
"""
