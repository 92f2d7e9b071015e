"""Entries: their sizes, the checks that may forbid them, and sending them.

The limits themselves are in `domain/risk/`, the pause of entries in `services/trading/pauses.py`.
"""
