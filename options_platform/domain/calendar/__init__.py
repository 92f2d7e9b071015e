"""New York sessions, holidays and closures, and which expiries are listed."""
