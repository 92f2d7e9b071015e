"""What talks to the world: sources of market data, brokers, files, databases, MLflow, messages.

An adapter fits a port or keeps a store; it decides nothing. What calls several of them to get
something done, such as a session's trading, is a service.
"""
