"""The tables of the simulated broker, and how an older file becomes a new one."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from options_platform.domain.orders import SHARES, OrderLeg

if TYPE_CHECKING:
    import duckdb

TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    client_order_id VARCHAR PRIMARY KEY, session DATE NOT NULL, ticker VARCHAR NOT NULL,
    legs VARCHAR NOT NULL, contracts INTEGER NOT NULL, limit_price DOUBLE,
    status VARCHAR NOT NULL, filled_qty INTEGER NOT NULL, avg_price DOUBLE,
    fees_usd DOUBLE NOT NULL, reason VARCHAR, worked_on DATE
);
ALTER TABLE orders ADD COLUMN IF NOT EXISTS sent_at TIMESTAMP;
CREATE TABLE IF NOT EXISTS demands (
    ticker VARCHAR PRIMARY KEY, outcome VARCHAR NOT NULL, contracts INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS account (start_usd DOUBLE NOT NULL);
CREATE TABLE IF NOT EXISTS settlements (
    activity_id VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    quantity INTEGER NOT NULL, price DOUBLE, settled_on DATE NOT NULL
);
CREATE TABLE IF NOT EXISTS counted_by_the_share (nothing BOOLEAN)
"""
NEWEST = "counted_by_the_share"
"""The table that a file has in which orders for shares count single shares, not lots of 100."""


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of a new file; bring those of an older one up to date, all or nothing."""
    tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    if (NEWEST,) in tables:
        return
    connection.begin()
    try:
        connection.execute(TABLES)
        count_by_the_share(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


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
