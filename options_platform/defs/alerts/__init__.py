"""Sensors that report failed runs and the state of the account."""
