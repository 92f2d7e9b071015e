"""Whether a model may still be traded on: implausible scores, lost skill, drift, broken inputs.

These functions only give verdicts; `defs/models/checks.py` turns them into asset checks.
"""
