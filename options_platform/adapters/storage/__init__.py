"""Files and databases of a home: the warehouse, the order ledger, option chains, SQL marts.

This package reads, writes and protects stored rows. Their meaning belongs to `contracts` and
`domain`.
"""
