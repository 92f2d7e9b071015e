"""Past reports and the next one: events, and forecasts of the move, from stored market data.

Dates of reports are fetched and recorded in `services/market_data`; which positions a report
forbids belongs to `services/planning` and `services/trading`.
"""
