"""The tables of the order ledger, and how an older file becomes a new one without losing a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE IF NOT EXISTS orders (
    client_order_id VARCHAR PRIMARY KEY, session DATE NOT NULL, ticker VARCHAR NOT NULL,
    purpose VARCHAR NOT NULL, position_id VARCHAR NOT NULL, plan_id VARCHAR NOT NULL,
    strategy VARCHAR NOT NULL, legs VARCHAR NOT NULL, contracts INTEGER NOT NULL,
    limit_price DOUBLE, max_loss_usd DOUBLE NOT NULL, max_profit_usd DOUBLE NOT NULL,
    status VARCHAR NOT NULL, reason VARCHAR, filled_qty INTEGER NOT NULL, avg_price DOUBLE,
    fees_usd DOUBLE NOT NULL, updated_at TIMESTAMP NOT NULL
);
CREATE SEQUENCE IF NOT EXISTS event_number;
CREATE TABLE IF NOT EXISTS order_events (
    number BIGINT DEFAULT nextval('event_number'), recorded_at TIMESTAMP NOT NULL,
    client_order_id VARCHAR NOT NULL, status VARCHAR NOT NULL, detail VARCHAR
);
CREATE TABLE IF NOT EXISTS positions (
    position_id VARCHAR PRIMARY KEY, ticker VARCHAR NOT NULL, strategy VARCHAR NOT NULL,
    legs VARCHAR NOT NULL, contracts INTEGER NOT NULL, opened_on DATE NOT NULL,
    entry_price DOUBLE NOT NULL, entry_dte INTEGER NOT NULL, max_loss_usd DOUBLE NOT NULL,
    max_profit_usd DOUBLE NOT NULL, fees_usd DOUBLE NOT NULL, mark_price DOUBLE NOT NULL,
    marked_on DATE NOT NULL, exit_price DOUBLE, closed_on DATE, exit_reason VARCHAR
);
CREATE TABLE IF NOT EXISTS marks (
    session DATE PRIMARY KEY, cash_usd DOUBLE, positions_usd DOUBLE, equity_usd DOUBLE,
    realised_usd DOUBLE, unrealised_usd DOUBLE, open_positions INTEGER
);
"""

ADDITIONS = """
ALTER TABLE orders ADD COLUMN IF NOT EXISTS attempt INTEGER DEFAULT 1;
ALTER TABLE orders ADD COLUMN IF NOT EXISTS placed_at TIMESTAMP;
UPDATE orders SET status = 'intent' WHERE status = 'pending';
ALTER TABLE order_events ADD COLUMN IF NOT EXISTS filled_qty INTEGER;
ALTER TABLE order_events ADD COLUMN IF NOT EXISTS avg_price DOUBLE;
ALTER TABLE positions ADD COLUMN IF NOT EXISTS closed_contracts INTEGER DEFAULT 0;
UPDATE positions SET closed_contracts = contracts WHERE closed_on IS NOT NULL;
CREATE TABLE IF NOT EXISTS account_events (
    number BIGINT DEFAULT nextval('event_number'), recorded_at TIMESTAMP NOT NULL,
    kind VARCHAR NOT NULL, detail VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS adjustments (
    number BIGINT DEFAULT nextval('event_number'), recorded_at TIMESTAMP NOT NULL,
    symbol VARCHAR NOT NULL, quantity INTEGER NOT NULL, reason VARCHAR NOT NULL
);
"""


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of a new file; bring those of an older one up to date."""
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'account_events'"
    ).fetchone()
    if known is not None and known[0]:
        return
    connection.execute(TABLES)
    connection.execute(ADDITIONS)
