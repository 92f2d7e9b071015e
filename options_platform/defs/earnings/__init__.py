"""The assets `earnings_events` and `earnings_forecast`, of homes with tickers that report."""
