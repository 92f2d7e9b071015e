"""Fills, daily positions, equity and the trading record, from a snapshot of the order ledger.

Reading and writing the ledger belongs to `adapters/storage/`, decisions about orders to
`domain/trading/`.
"""
