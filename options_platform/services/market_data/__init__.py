"""Bringing market data up to date: bars, indices, option chains; and what is stored of them."""
