"""New York sessions, holidays, unscheduled closures, and the expiries listed on a session.

Dates only: ex-dates and earnings dates belong to `domain/market/`, and no function reads the clock.
"""
