"""Yahoo Finance: `source.py` implements the port, `tables.py` converts what yfinance returns."""
