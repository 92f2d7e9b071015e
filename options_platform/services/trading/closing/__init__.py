"""Closing positions: the reasons, the legs that are closed next, the exits and exercises.

When a rule closes a position is decided in `domain/trading/exits/exit_rules.py`.
"""
