"""The tables of the simulated broker, and the migration of older files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from options_platform.adapters.storage.stored_legs import count_by_the_share

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
ALTER TABLE settlements ADD COLUMN IF NOT EXISTS amount_usd DOUBLE;
CREATE TABLE IF NOT EXISTS counted_by_the_share (nothing BOOLEAN);
CREATE TABLE IF NOT EXISTS exercise_terms (
    symbol VARCHAR PRIMARY KEY, session DATE NOT NULL, is_deep BOOLEAN NOT NULL,
    least_dividend_usd DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS opened (session DATE PRIMARY KEY);
CREATE TABLE IF NOT EXISTS at_far_side (client_order_id VARCHAR PRIMARY KEY);
CREATE TABLE IF NOT EXISTS splits (
    session DATE, ticker VARCHAR, ratio INTEGER NOT NULL, PRIMARY KEY (session, ticker)
)
"""
NEWEST = "splits"
"""The table that only files of the newest layout have."""

BY_THE_SHARE = "counted_by_the_share"
"""Marks a file whose orders for shares count single shares, not lots of 100."""


_prepared: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
"""Connections whose file has the newest layout: one that is held over many steps asks once."""


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of a new file or migrate an older one, in one transaction."""
    if connection in _prepared:
        return
    _migrate(connection)
    _prepared.add(connection)


def _migrate(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    tables = {name for (name,) in rows}
    if NEWEST in tables:
        return
    connection.begin()
    try:
        connection.execute(TABLES)
        if BY_THE_SHARE not in tables:
            count_by_the_share(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
