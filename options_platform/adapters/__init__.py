"""Adapters to the outside world: market data, brokers, files, databases, MLflow, messages.

An adapter implements a port or keeps a store. It makes no trading decisions: rules belong to
`domain`, and code that calls several adapters to get something done belongs to `services`.
"""
