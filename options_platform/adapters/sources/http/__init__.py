"""HTTP for sources and brokers: a session with time-outs, a rate limit, and retries.

What a particular service answers belongs to its source or broker.
"""
