"""Files and databases of a home: the warehouse, the order ledger, option chains, SQL marts.

What is stored and how it stays whole; not what the rows mean.
"""
