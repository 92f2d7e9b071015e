"""The assets of orders and the account, their checks, and the intraday check of stops."""
