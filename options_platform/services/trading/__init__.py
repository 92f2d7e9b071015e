"""Trading a session: `session.py` reconciles, closes and opens; `order_worker.py` reprices orders.

`flatten.py` and `intraday_stops.py` close within the session. Everything that is sent goes through
`execution.py`. What an order or a position does next is decided in `domain/trading/`.
"""
