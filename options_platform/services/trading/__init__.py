"""Trading a session: `session.py` reconciles, closes and opens; `order_worker.py` reprices orders.

`flatten.py` and `intraday_stops.py` close positions while a session trades, `replay.py` trades past
sessions again. Every order goes through `execution.py`, which carries out what `domain/trading/`
decides. No decision on an order or a position belongs here, nor a broker's own protocol.
"""
