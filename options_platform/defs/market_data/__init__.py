"""The assets `raw_ohlcv` and `vix`, and their checks."""
