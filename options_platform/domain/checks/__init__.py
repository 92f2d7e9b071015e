"""What must hold of stored tables: rules that find wrong rows; Dagster runs them as checks.

Cleaning rows before they are stored belongs to `domain/market/` and `domain/chain/`.
"""
