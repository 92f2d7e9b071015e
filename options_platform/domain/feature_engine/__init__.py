"""Computation of features, labels, regimes and IV history from bars, indices and chains.

Features are declared in `domain/features/`; this package evaluates the declarations. Models and
their datasets belong to `models/`.
"""
