"""Alpaca's market data: `source.py` implements the port with the help of the other modules.

Orders at Alpaca belong to `adapters/brokers`.
"""
