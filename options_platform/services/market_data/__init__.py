"""Updates market data (bars, indices, chains, earnings) and reports what is stored.

Fetching belongs to `adapters.sources`; whether a row is plausible is decided in `domain.market` and
`domain.chain`.
"""
