"""Alpaca's market data: `source.py` fits the port, the others serve it."""
