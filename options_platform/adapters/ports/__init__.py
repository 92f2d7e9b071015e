"""What the platform asks of the outside world: a source of market data, and a broker.

Protocols, the schemas of what they return and the errors that they may raise; no implementation.
"""
