"""Market data rules: cleaning of bars and indices, quarantine, revisions, ex-dates, coverage.

Everything here works on rows that are already fetched. Fetching belongs to `adapters/sources/`,
deciding when to fetch to `services/market_data/`, option quotes to `domain/chain/`.
"""
