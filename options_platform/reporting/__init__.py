"""Pages for people: the report, the tearsheet, the record of paper trading, and their figures.

This package selects, formats and draws. Numbers come from the domain and the warehouse; a figure
that a table could store is computed there.
"""
