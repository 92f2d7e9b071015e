"""Prices for decisions within a session: live quotes, last prices and the stored closes.

How legs are valued from them is the subject of `domain/valuation/`.
"""
