"""Bringing bars, indices, option chains and earnings dates up to date; what is stored of them."""
