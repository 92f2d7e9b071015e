"""Rules that stored tables must satisfy; Dagster runs them as asset checks.

A rule counts the offending rows and gives examples. Cleaning rows before they are stored belongs to
`domain/market/` and `domain/chain/`.
"""
