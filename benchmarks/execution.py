"""How long the day's orders and a large reconciliation take at a server on this machine.

Two figures that have to stay below two seconds each: sending the plans of three tickers, and
comparing 1,000 past orders and 50 positions. The peer of the first is alpaca-py itself, sending the
same three orders with nothing recorded and nothing looked up.
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
from options_platform.domain.trading.fills import MarketClose
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
    """Seconds for three plans through the ledger, and for alpaca-py alone."""
    plans, legs = plans_of(TICKERS)
    with tempfile.TemporaryDirectory() as folder, server() as fake:
        made = trader(Path(folder), fake.address)
        # Importing alpaca-py is no part of sending.
        made.broker.account()
        began = time.perf_counter()
        made.run_session(SESSION, plans, legs, CLOSES, NOW)
        ours = time.perf_counter() - began
        orders = made.ledger.orders()
        assert [order.status for order in orders] == ["filled"] * len(TICKERS)
    with server() as fake:
        client = TradingClient("FAKE", "FAKE", raw_data=True, url_override=fake.address)
        began = time.perf_counter()
        for order in orders:
            client.submit_order(request_of(order))
        peer = time.perf_counter() - began
        client._session.close()  # noqa: SLF001 (alpaca-py closes it nowhere)
    return ours, peer


def reconciling() -> float:
    """Seconds for comparing many past orders and positions."""
    with tempfile.TemporaryDirectory() as folder, server(fills="rest", cash_usd=1e7) as fake:
        made = trader(Path(folder), fake.address)
        plans, legs = plans_of(("SPY",))
        made.run_session(SESSION, plans, legs, CLOSES, NOW)
        first = made.ledger.orders()[0]
        fake.script("cancel", {"client_order_id": first.client_order_id})
        expiry = first.legs[0].expiry
        with made.ledger.holding():
            for number in range(ORDERS - 1):
                order = replace(
                    first,
                    client_order_id=f"past-{number}",
                    position_id=f"past-{number}",
                    session=SESSION - timedelta(days=3),
                    legs=(
                        OrderLeg("buy", "call", 100.0 + 2 * number, expiry),
                        OrderLeg("sell", "call", 101.0 + 2 * number, expiry),
                    ),
                    contracts=1,
                    limit_price=0.5,
                    status="unknown",
                    placed_at=NOW,
                )
                sent = request_of(order)
                fake.clock_offset = timedelta(milliseconds=number)
                fake.book.submit(json.loads(json.dumps(sent.to_request_fields())))
                known = fake.book.by_client_id(order.client_order_id)
                if number < POSITIONS // 2:
                    fake.book.fill(known)
                    done = replace(order, status="filled", filled_qty=1, avg_price=0.5)
                    made.ledger.record(done, NOW, after_fill(done, done, None, SESSION))
                else:
                    fake.book.cancel(known)
                    made.ledger.record(replace(order, status="canceled"), NOW)
        began = time.perf_counter()
        found = made.reconcile(NOW)
        seconds = time.perf_counter() - began
        assert found == [], found[:3]
        assert len(fake.book.position_rows()) == POSITIONS
        assert len(fake.book.orders) == ORDERS
        return seconds


def main() -> None:
    """Print both, and fail where one is too slow."""
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
