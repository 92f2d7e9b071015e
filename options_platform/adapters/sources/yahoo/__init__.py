"""Yahoo Finance: `source.py` fits the port, `tables.py` reads what yfinance returns."""
