"""Legs as files hold them, in the ledger's and in the simulated broker's alike."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from options_platform.domain.trading.orders import SHARES, OrderLeg

if TYPE_CHECKING:
    import duckdb


def count_by_the_share(connection: duckdb.DuckDBPyConnection) -> None:
    """Turn the orders for shares, which counted lots of 100, into orders for single shares."""
    rows = connection.execute("SELECT client_order_id, legs FROM orders").fetchall()
    of_shares = [[SHARES, SHARES, number] for number, legs in rows
                 if any(leg.is_shares for leg in read_legs(legs))]  # fmt: skip
    if of_shares:
        connection.executemany(
            "UPDATE orders SET contracts = contracts * ?, filled_qty = filled_qty * ? "
            "WHERE client_order_id = ?",
            of_shares,
        )


def read_legs(text: str) -> tuple[OrderLeg, ...]:
    """Legs from the JSON that they are stored as."""
    return tuple(
        OrderLeg(**{**leg, "expiry": date.fromisoformat(leg["expiry"])}) for leg in json.loads(text)
    )
