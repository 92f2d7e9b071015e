"""The assets of orders and of the account, their checks, and the stops within a session."""
