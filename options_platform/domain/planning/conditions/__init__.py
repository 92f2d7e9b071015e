"""Conditions of an entry beside the strategy matrix: the day, and votes of features."""
