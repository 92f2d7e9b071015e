"""Rows of what activities and acceptances have ended, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from options_platform.adapters.storage.ledger.rows import (
    POSITION_FIELDS,
    append_row,
    naive_utc,
    write_event,
    write_row,
)
from options_platform.domain.trading.reconciliation.dividends import DIVIDEND
from options_platform.domain.trading.reconciliation.manual_holdings import BY_WORD_ID, AcceptedEnd
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.domain.trading.reconciliation.shares_held import DeliveredShares
from options_platform.domain.trading.reports import Activity

if TYPE_CHECKING:
    import duckdb


def write_settlement(
    connection: duckdb.DuckDBPyConnection,
    activity: Activity,
    settlement: Settlement,
    now: datetime,
    explained: Sequence[tuple[AcceptedEnd, int]],
) -> None:
    """Write what an activity has ended or, with counts below 0, what was taken back of it.

    Of a dividend the counts are the shares that it is on, below 0 where it is owed.
    """
    at, total = naive_utc(now), sum(settlement.ended.values())
    connection.execute(
        "INSERT INTO activities VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "quantity = quantity + excluded.quantity, cash_usd = cash_usd + excluded.cash_usd",
        [
            activity.key,
            at,
            activity.kind,
            activity.symbol,
            total,
            activity.on,
            settlement.cash_usd,
        ],
    )
    for position_id, count in settlement.ended.items():
        _add_count(connection, activity.key, position_id, count)
    for end, count in explained:
        _write_fewer(connection, end, count)
    for position in settlement.positions:
        write_row(connection, "positions", POSITION_FIELDS, position)
    for symbol, quantity in sorted(settlement.adjustments.items()):
        if quantity:
            append_row(connection, "adjustments", at, symbol, quantity, activity.kind)
    text = f"{activity.kind} {abs(total)} {activity.symbol} on {activity.on}"
    if activity.kind == DIVIDEND:
        text += f": {settlement.cash_usd:+.2f} USD"
    elif total < 0:
        text = f"taken back: {text}"
    write_event(connection, now, "activity", text)


def read_deliveries(connection: duckdb.DuckDBPyConnection) -> list[DeliveredShares]:
    """The shares that assignments and exercises have brought to positions, or taken of them."""
    rows = connection.execute(
        "SELECT p.position_id, a.kind, a.symbol, p.quantity, a.happened_on "
        "FROM activities a JOIN activity_positions p USING (key) "
        "WHERE a.kind IN ('OPASN', 'OPEXC') AND p.quantity > 0 ORDER BY a.happened_on, a.key"
    ).fetchall()
    return [DeliveredShares(*row) for row in rows]


def read_ended(connection: duckdb.DuckDBPyConnection, key: str) -> dict[str, int]:
    """By position_id how many contracts an activity has ended."""
    rows = connection.execute(
        "SELECT position_id, quantity FROM activity_positions WHERE key = ? AND quantity > 0", [key]
    ).fetchall()
    return dict(rows)


def read_dividend_shares(connection: duckdb.DuckDBPyConnection, key: str) -> dict[str, int]:
    """By position_id the shares that a dividend was booked on, below 0 where it is owed.

    Former versions wrote no signs: their sum and the cash are on different sides where it is owed.
    """
    rows = connection.execute(
        "SELECT p.position_id, p.quantity * "
        "CASE WHEN a.quantity * a.cash_usd < 0 THEN -1 ELSE 1 END "
        "FROM activities a JOIN activity_positions p USING (key) "
        "WHERE a.key = ? AND p.quantity <> 0",
        [key],
    ).fetchall()
    return dict(rows)


def read_accepted_ends(connection: duckdb.DuckDBPyConnection) -> list[AcceptedEnd]:
    """What ended by a person's word and no activity has confirmed yet, oldest first."""
    rows = connection.execute(
        "SELECT a.key, a.kind, a.symbol, p.position_id, p.quantity, a.happened_on "
        "FROM activities a JOIN activity_positions p USING (key) "
        "WHERE p.quantity > 0 AND contains(a.key, ?) ORDER BY a.happened_on, a.key",
        [f" {BY_WORD_ID}"],
    ).fetchall()
    return [AcceptedEnd(*row) for row in rows]


def write_ends(
    connection: duckdb.DuckDBPyConnection, ends: Sequence[AcceptedEnd], now: datetime
) -> None:
    """Write what ended by a person's word."""
    for end in ends:
        settlement = Settlement((), {}, 0.0, 0, {end.position_id: end.quantity})
        activity_id = end.key.split(" ")[1]
        acceptance = Activity(activity_id, end.kind, end.symbol, end.quantity, None, end.on)
        write_settlement(connection, acceptance, settlement, now, ())


def take_back_ends(connection: duckdb.DuckDBPyConnection, ends: Sequence[AcceptedEnd]) -> None:
    """Remove what ended by a person's word, where that was taken back."""
    for end in ends:
        _write_fewer(connection, end, end.quantity)


def _write_fewer(connection: duckdb.DuckDBPyConnection, end: AcceptedEnd, count: int) -> None:
    connection.execute(
        "UPDATE activities SET quantity = quantity - ? WHERE key = ?", [count, end.key]
    )
    _add_count(connection, end.key, end.position_id, -count)


def _add_count(
    connection: duckdb.DuckDBPyConnection, key: str, position_id: str, count: int
) -> None:
    connection.execute(
        "INSERT INTO activity_positions VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
        [key, position_id, count],
    )
