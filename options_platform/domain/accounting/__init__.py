"""The account from its orders: fills, daily positions and equity, and the trading record.

These views are rebuilt from a snapshot of the order ledger. Reading and writing the ledger does
not belong here (`adapters/storage/`), nor do decisions about orders (`domain/trading/`).
"""
