"""The tables of the order ledger, and the migration of older files, which loses no row.

No column has a default: DuckDB 1.5 cannot replay a log that alters a table with a default from a
sequence, and a process may be killed before its log is merged into the file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from options_platform.adapters.storage.stored_legs import count_by_the_share, read_legs
from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.trading.orders import SHARES

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
    fees_usd DOUBLE NOT NULL, updated_at TIMESTAMP NOT NULL, attempt INTEGER NOT NULL,
    placed_at TIMESTAMP, seen BOOLEAN NOT NULL, withdrawn BOOLEAN NOT NULL, rule_set VARCHAR
);
CREATE TABLE IF NOT EXISTS order_events (
    number BIGINT NOT NULL, recorded_at TIMESTAMP NOT NULL, client_order_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL, detail VARCHAR, filled_qty INTEGER, avg_price DOUBLE
);
CREATE TABLE IF NOT EXISTS account_events (
    number BIGINT NOT NULL, recorded_at TIMESTAMP NOT NULL, kind VARCHAR NOT NULL,
    detail VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS adjustments (
    number BIGINT NOT NULL, recorded_at TIMESTAMP NOT NULL, symbol VARCHAR NOT NULL,
    quantity INTEGER NOT NULL, reason VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS activities (
    key VARCHAR PRIMARY KEY, recorded_at TIMESTAMP NOT NULL, kind VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL, quantity DOUBLE NOT NULL, happened_on DATE NOT NULL,
    cash_usd DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS activity_positions (
    key VARCHAR, position_id VARCHAR, quantity INTEGER NOT NULL, PRIMARY KEY (key, position_id)
);
CREATE TABLE IF NOT EXISTS renames (
    symbol VARCHAR PRIMARY KEY, new_symbol VARCHAR NOT NULL, recorded_at TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS doubts (
    symbol VARCHAR PRIMARY KEY, since TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS broken_marks (
    session DATE NOT NULL, position_id VARCHAR NOT NULL, open_contracts INTEGER NOT NULL,
    value_usd DOUBLE NOT NULL, profit_usd DOUBLE NOT NULL, risk_usd DOUBLE NOT NULL,
    delta DOUBLE NOT NULL, gamma DOUBLE NOT NULL, theta DOUBLE NOT NULL, vega DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS positions (
    position_id VARCHAR PRIMARY KEY, ticker VARCHAR NOT NULL, strategy VARCHAR NOT NULL,
    legs VARCHAR NOT NULL, contracts INTEGER NOT NULL, opened_on DATE NOT NULL,
    entry_price DOUBLE NOT NULL, entry_dte INTEGER NOT NULL, max_loss_usd DOUBLE NOT NULL,
    max_profit_usd DOUBLE NOT NULL, fees_usd DOUBLE NOT NULL, mark_price DOUBLE NOT NULL,
    marked_on DATE NOT NULL, exit_price DOUBLE, closed_on DATE, exit_reason VARCHAR,
    closed_contracts INTEGER NOT NULL, broken_contracts INTEGER NOT NULL, loose VARCHAR NOT NULL,
    loose_cash_usd DOUBLE NOT NULL, loose_value_usd DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS marks (
    session DATE PRIMARY KEY, cash_usd DOUBLE, positions_usd DOUBLE, equity_usd DOUBLE,
    realised_usd DOUBLE, unrealised_usd DOUBLE, open_positions INTEGER
);
"""

ADDED = {
    "orders": {
        "attempt": "1",
        "placed_at": "NULL::TIMESTAMP",
        # What was given up without evidence of the broker may still turn out to have filled.
        "seen": "filled_qty > 0 OR status NOT IN ('intent', 'unknown', 'not_sent', 'pending', "
        "'rejected', 'expired')",
        "withdrawn": "false",
        "rule_set": f"'{DEFAULT_RULE_SET}'",
    },
    "order_events": {"filled_qty": "NULL::INTEGER", "avg_price": "NULL::DOUBLE"},
    "positions": {
        "closed_contracts": "CASE WHEN closed_on IS NULL THEN 0 ELSE contracts END",
        "broken_contracts": "0",
        "loose": "'[]'",
        "loose_cash_usd": "0.0",
        "loose_value_usd": "0.0",
    },
}
"""Columns that older files do not have, and the values of their rows."""

REOPENED = """
UPDATE positions SET closed_on = NULL, exit_reason = NULL,
    closed_contracts = coalesce((SELECT sum(filled_qty) FROM orders o
        WHERE o.position_id = positions.position_id AND o.purpose = 'exit'), 0),
    exit_price = (SELECT -sum(filled_qty * avg_price) / sum(filled_qty) FROM orders o
        WHERE o.position_id = positions.position_id AND o.purpose = 'exit' AND filled_qty > 0)
WHERE exit_reason = 'GONE_AT_BROKER'
"""
"""Positions that were closed because a list did not show them: no evidence, so they are open."""

ACCEPTED_EARLIER = """
INSERT INTO activity_positions
    SELECT key, regexp_extract(key, ' accepted-(\\S+) ', 1), quantity::INTEGER FROM activities
    WHERE contains(key, ' accepted-') ON CONFLICT DO NOTHING
"""
"""Assignments that a person accepted before their activity came: their keys name the position."""

NEWEST = "activity_positions"
"""The table that only files of the newest layout have."""

BY_THE_SHARE = "broken_marks"
"""The table of layouts that count single shares; older layouts count lots of 100."""


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of a new file; bring those of an older one up to date."""
    tables = {
        name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }
    is_older = not {NEWEST, BY_THE_SHARE} <= tables
    if not is_older and "rule_set" in _columns(connection, "orders"):
        return
    kept_tables = [name for name in ADDED if name in tables]
    for name in kept_tables:
        rows = _rows_of_now(connection, name)
        connection.execute(f"CREATE TEMP TABLE earlier AS SELECT * FROM {name}")
        connection.execute(f"CREATE TEMP TABLE {name}_kept AS {rows}")
        connection.execute(f"DROP TABLE {name}; DROP TABLE earlier")
    connection.execute(TABLES)
    for name in kept_tables:
        connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM {name}_kept")
        connection.execute(f"DROP TABLE {name}_kept")
    if is_older:
        connection.execute(REOPENED)
    if NEWEST not in tables:
        connection.execute(ACCEPTED_EARLIER)
    if BY_THE_SHARE not in tables:
        _count_by_the_share(connection)


def _count_by_the_share(connection: duckdb.DuckDBPyConnection) -> None:
    """Turn lots of 100 shares into single ones: orders, their events and loose legs."""
    count_by_the_share(connection)
    orders = connection.execute("SELECT client_order_id, legs FROM orders").fetchall()
    of_shares = [n for n, legs in orders if any(leg.is_shares for leg in read_legs(legs))]
    connection.execute(
        "UPDATE order_events SET filled_qty = filled_qty * ? "
        "WHERE list_contains(?::VARCHAR[], client_order_id)",
        [SHARES, of_shares],
    )
    for position_id, text in connection.execute(
        "SELECT position_id, loose FROM positions"
    ).fetchall():
        loose = [replace(leg, ratio=leg.ratio * SHARES) if leg.is_shares else leg
                 for leg in read_legs(text)]  # fmt: skip
        if any(leg.is_shares for leg in loose):
            connection.execute(
                "UPDATE positions SET loose = ? WHERE position_id = ?",
                [json.dumps([asdict(leg) for leg in loose], default=str), position_id],
            )
    # An acceptance holds positions as they were, for taking it back.
    for key, text in connection.execute("FROM meta WHERE key = 'acceptance'").fetchall():
        acceptance = json.loads(text)
        for position in (*acceptance["before"], *acceptance["after"]):
            for leg in position["loose"]:
                leg["ratio"] *= SHARES if leg["right"] == "shares" else 1
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", [json.dumps(acceptance), key])


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    # The catalog's view of columns takes thirty times as long.
    rows = connection.execute(f"SELECT * FROM {table} LIMIT 0")
    return {name for name, *_ in rows.description}


def _rows_of_now(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The query that gives the rows of an older table with today's columns."""
    columns = _columns(connection, table)
    added = [f"{value} AS {name}" for name, value in ADDED[table].items() if name not in columns]
    replaced = ""
    if table == "orders":
        replaced = " REPLACE (CASE status WHEN 'pending' THEN 'intent' ELSE status END AS status)"
    return f"SELECT {', '.join([f'*{replaced}', *added])} FROM earlier"
