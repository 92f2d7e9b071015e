"""Ledger and broker compared: what differs, and what the ledger records from the broker.

Reading the broker and writing the ledger is the subject of `services/trading/reconciliation`.
"""
