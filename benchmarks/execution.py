"""Time to send the day's orders and to reconcile a large account, at a fake server.

Both have to take less than two seconds: sending the plans of three tickers, and reconciling 1,000
past orders and 50 positions. The peer of the first is alpaca-py alone, sending the same three
orders without a ledger.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alpaca.trading.client import TradingClient

from options_platform.adapters.brokers.alpaca_shapes import request_of
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.position_fills import after_fill
from options_platform.testing.alpaca_account import (
    NOW,
    SESSION,
    TICKERS,
    plans_of,
    server,
    trader,
)

LIMIT_SECONDS = 2.0
ORDERS, POSITIONS = 1_000, 50
CLOSES = {SESSION: {ticker: MarketClose(250.0, 0.18) for ticker in TICKERS}}


def submitting() -> tuple[float, float]:
    """Seconds to send three plans through the ledger, and with alpaca-py alone."""
    plans, legs = plans_of(TICKERS)
    with tempfile.TemporaryDirectory() as folder, server() as fake:
        trading = trader(Path(folder), fake.address)
        # Imports alpaca-py, which is not part of sending.
        trading.broker.account()
        began = time.perf_counter()
        trading.run_session(SESSION, plans, legs, CLOSES, NOW)
        ours = time.perf_counter() - began
        orders = trading.ledger.orders()
        assert [order.status for order in orders] == ["filled"] * len(TICKERS)
    with server() as fake:
        client = TradingClient("FAKE", "FAKE", raw_data=True, url_override=fake.address)
        began = time.perf_counter()
        for order in orders:
            client.submit_order(request_of(order))
        peer = time.perf_counter() - began
        client._session.close()  # noqa: SLF001 (alpaca-py never closes it)
    return ours, peer


def reconciling() -> float:
    """Seconds to reconcile many past orders and positions."""
    with tempfile.TemporaryDirectory() as folder, server(fills="rest", cash_usd=1e7) as fake:
        trading = trader(Path(folder), fake.address)
        plans, legs = plans_of(("SPY",))
        trading.run_session(SESSION, plans, legs, CLOSES, NOW)
        first = trading.ledger.orders()[0]
        fake.script("cancel", {"client_order_id": first.client_order_id})
        expiry = first.legs[0].expiry
        with trading.ledger.holding():
            for index in range(ORDERS - 1):
                order = replace(
                    first,
                    client_order_id=f"past-{index}",
                    position_id=f"past-{index}",
                    session=SESSION - timedelta(days=3),
                    legs=(
                        OrderLeg("buy", "call", 100.0 + 2 * index, expiry),
                        OrderLeg("sell", "call", 101.0 + 2 * index, expiry),
                    ),
                    contracts=1,
                    limit_price=0.5,
                    status="unknown",
                    placed_at=NOW,
                )
                sent = request_of(order)
                fake.clock_offset = timedelta(milliseconds=index)
                fake.book.submit(json.loads(json.dumps(sent.to_request_fields())))
                known = fake.book.by_client_id(order.client_order_id)
                if index < POSITIONS // 2:
                    fake.book.fill(known)
                    done = replace(order, status="filled", filled_qty=1, avg_price=0.5)
                    trading.ledger.record(done, NOW, after_fill(done, done, None, SESSION))
                else:
                    fake.book.cancel(known)
                    trading.ledger.record(replace(order, status="canceled"), NOW)
        began = time.perf_counter()
        differences = trading.reconcile(NOW)
        seconds = time.perf_counter() - began
        assert differences == [], differences[:3]
        assert len(fake.book.position_rows()) == POSITIONS
        assert len(fake.book.orders) == ORDERS
        return seconds


def main() -> None:
    """Print both times; exit with an error if one is too slow."""
    ours, peer = min(submitting() for _ in range(3))
    seconds = min(reconciling() for _ in range(2))
    print(
        f"submitting {len(TICKERS)} plans: {ours:.2f} s, {ours / peer:.1f} x alpaca-py alone "
        f"({peer:.3f} s); at most {LIMIT_SECONDS:g} s"
    )
    print(
        f"reconciling {ORDERS} past orders and {POSITIONS} positions: {seconds:.2f} s; "
        f"at most {LIMIT_SECONDS:g} s"
    )
    if max(ours, seconds) > LIMIT_SECONDS:
        raise SystemExit("too slow")


if __name__ == "__main__":
    main()
