"""Rows of the ledger's tables, read and written within the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from options_platform.adapters.storage.stored_legs import read_legs
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import AccountMark, Position
from options_platform.domain.trading.repricing import REPRICE

if TYPE_CHECKING:
    import duckdb

HALTED = "HALTED"
ORDER_FIELDS = tuple(Order.__dataclass_fields__)
POSITION_FIELDS = tuple(Position.__dataclass_fields__)
MARK_FIELDS = tuple(AccountMark.__dataclass_fields__)


def read_orders(
    connection: duckdb.DuckDBPyConnection, condition: str, params: list[object]
) -> list[Order]:
    """The orders that the SQL `condition` selects, by session and id."""
    rows = connection.execute(
        f"SELECT {', '.join(ORDER_FIELDS)} FROM orders WHERE {condition} "
        "ORDER BY session, client_order_id",
        params,
    ).fetchall()
    return [_read_order(Order(*row)) for row in rows]


def _read_order(order: Order) -> Order:
    at = order.placed_at
    return replace(
        order,
        legs=read_legs(str(order.legs)),
        placed_at=None if at is None else at.replace(tzinfo=UTC),
    )


def read_positions(connection: duckdb.DuckDBPyConnection) -> list[Position]:
    """The positions by the day they were opened."""
    rows = connection.execute(
        f"SELECT {', '.join(POSITION_FIELDS)} FROM positions ORDER BY opened_on, position_id"
    ).fetchall()
    positions = [Position(*row) for row in rows]
    return [
        replace(p, legs=read_legs(str(p.legs)), loose=read_legs(str(p.loose))) for p in positions
    ]


def write_order(
    connection: duckdb.DuckDBPyConnection, order: Order, now: datetime, detail: str | None
) -> None:
    """Write an order as it is now, and the event of its change."""
    at = naive_utc(now)
    placed = None if order.placed_at is None else naive_utc(order.placed_at)
    more = {"updated_at": at, "placed_at": placed, "rule_set": order.rule_set}
    write_row(connection, "orders", ORDER_FIELDS, order, **more)
    write_order_event(connection, order, now, detail)


def withdraw_entries(connection: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Void the entries that exist at a halt: none is sent, sent again or repriced after it."""
    for order in read_orders(connection, "purpose = 'entry'", []):
        if order.status == "intent":
            write_order(connection, replace(order, status="not_sent", reason=HALTED), at, HALTED)
        elif order.status == "canceled" and order.reason == REPRICE:
            write_order(connection, replace(order, reason=HALTED), at, HALTED)
        elif not order.withdrawn and (not order.is_final or not order.seen):
            # One that the broker refused, or never showed, may turn out to have been taken.
            reason = HALTED if order.reason == REPRICE else order.reason
            write_order(connection, replace(order, withdrawn=True, reason=reason), at, HALTED)


def write_order_event(
    connection: duckdb.DuckDBPyConnection, order: Order, now: datetime, detail: str | None
) -> None:
    """Write an event of an order as it is now."""
    append_row(
        connection,
        "order_events",
        naive_utc(now),
        order.client_order_id,
        order.status,
        detail,
        order.filled_qty,
        order.avg_price,
    )


def write_row(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    value: Order | Position | AccountMark,
    **more: object,
) -> None:
    """Write the fields `names` of a value as a row; the first is its key, whose row is replaced."""
    row: dict[str, object] = {name: getattr(value, name) for name in names} | more
    for name in ("legs", "loose"):
        if name in row:
            row[name] = json.dumps([asdict(leg) for leg in getattr(value, name)], default=str)
    key, *others = row
    # Three times as fast as INSERT OR REPLACE for a row that exists, as most do.
    updated = connection.execute(
        f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in others)} WHERE {key} = ?",
        [*(row[name] for name in others), row[key]],
    ).fetchone()
    if updated is None or not updated[0]:
        marks = ", ".join("?" * len(row))
        connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values())
        )


def write_event(
    connection: duckdb.DuckDBPyConnection, now: datetime, kind: str, detail: str
) -> None:
    """Write an event of the account."""
    append_row(connection, "account_events", naive_utc(now), kind, detail)


def append_row(connection: duckdb.DuckDBPyConnection, table: str, *values: object) -> None:
    """Append a row under the table's next number; only one process writes at a time."""
    marks = ", ".join("?" * len(values))
    connection.execute(
        f"INSERT INTO {table} SELECT coalesce(max(number), 0) + 1, {marks} FROM {table}",
        list(values),
    )


def read_meta(connection: duckdb.DuckDBPyConnection, key: str) -> str | None:
    """The text stored under a key, or None."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return None if row is None else str(row[0])


def set_meta(connection: duckdb.DuckDBPyConnection, key: str, value: str) -> None:
    """Store a text under a key."""
    updated = connection.execute("UPDATE meta SET value = ? WHERE key = ?", [value, key]).fetchone()
    if updated is None or not updated[0]:
        connection.execute("INSERT INTO meta VALUES (?, ?)", [key, value])


def naive_utc(moment: datetime) -> datetime:
    """The moment as the ledger stores it: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
