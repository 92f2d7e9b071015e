"""Reads order legs from the JSON in the ledger and in the simulated broker's file."""

from __future__ import annotations

import json
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from options_platform.domain.trading.orders import SHARES, OrderLeg

if TYPE_CHECKING:
    import duckdb


def count_by_the_share(connection: duckdb.DuckDBPyConnection) -> None:
    """Migrate orders for shares from lots of 100 to single shares."""
    rows = connection.execute("SELECT client_order_id, legs FROM orders").fetchall()
    of_shares = [[SHARES, SHARES, order_id] for order_id, legs in rows
                 if any(leg.is_shares for leg in read_legs(legs))]  # fmt: skip
    if of_shares:
        connection.executemany(
            "UPDATE orders SET contracts = contracts * ?, filled_qty = filled_qty * ? "
            "WHERE client_order_id = ?",
            of_shares,
        )


@lru_cache(maxsize=4096)
def read_legs(text: str) -> tuple[OrderLeg, ...]:
    """The legs of an order from their stored JSON."""
    return tuple(
        OrderLeg(**{**leg, "expiry": date.fromisoformat(leg["expiry"])}) for leg in json.loads(text)
    )
