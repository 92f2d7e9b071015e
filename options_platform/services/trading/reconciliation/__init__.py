"""Reconciling the ledger with the broker, and what a person accepts of the differences left.

What differs, and what an activity ends, is decided in `domain/trading/reconciliation/`.
"""
