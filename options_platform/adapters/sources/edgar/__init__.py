"""The filings of companies at the SEC (EDGAR): when each reported its results, to the minute.

`source.py` asks, `filings.py` reads the answers.
"""
