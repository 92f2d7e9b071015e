"""The assets `raw_ohlcv`, `vix` and `earnings`, and their checks."""
