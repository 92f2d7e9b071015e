"""The order ledger: what was decided, sent and filled; its own file, never rebuilt.

Every change is one transaction. An order is written as an intent before anything is sent, so
that after a crash at any moment the ledger knows which ids to look up at the broker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from options_platform.adapters.brokers.simulated import read_legs
from options_platform.adapters.duck import held
from options_platform.domain.orders import WORKING, Order
from options_platform.domain.positions import AccountMark, Position
from options_platform.errors import LedgerError

if TYPE_CHECKING:
    import duckdb

SCHEMA = """
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
ORDER_FIELDS = tuple(Order.__dataclass_fields__)
POSITION_FIELDS = tuple(Position.__dataclass_fields__)
MARK_FIELDS = tuple(AccountMark.__dataclass_fields__)


@dataclass(frozen=True)
class Ledger:
    """The ledger of one account; `label` says what its orders are: paper or a replay."""

    path: Path
    account: str = "paper"
    label: str = "paper"
    wait_seconds: float = 60.0

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded."""
        return self.path.exists()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the file over many steps; each of them is still a transaction of its own."""
        with held(self.path, wait_seconds=self.wait_seconds):
            yield

    def record_intent(self, order: Order, now: datetime) -> Order:
        """Write the order before it is sent; the recorded one if it is there already.

        Raises :class:`LedgerError` (PLAN_CHANGED) if another plan was recorded under its id.
        """
        with self._transaction() as connection:
            known = _orders(connection, "client_order_id = ?", [order.client_order_id])
            if known:
                if known[0].plan_id != order.plan_id:
                    raise LedgerError(
                        f"PLAN_CHANGED: {order.client_order_id} was recorded for plan "
                        f"{known[0].plan_id}, and the plan is now {order.plan_id}; the recorded "
                        "order stands, nothing was sent"
                    )
                return known[0]
            _write_order(connection, order, now, "intent")
            return order

    def record(self, order: Order, now: datetime, position: Position | None = None) -> None:
        """Write an order's new state and, with it, the position that it opened or closed."""
        with self._transaction() as connection:
            _write_order(connection, order, now, order.reason)
            if position is not None:
                _write(connection, "positions", POSITION_FIELDS, position)

    def record_marks(self, positions: Sequence[Position], mark: AccountMark) -> None:
        """Write the positions' marks and the account's at a close."""
        with self._transaction() as connection:
            for position in positions:
                _write(connection, "positions", POSITION_FIELDS, position)
            _write(connection, "marks", MARK_FIELDS, mark)

    def orders(self, *, session: date | None = None) -> list[Order]:
        """The orders, of one session or all, in the order of their sessions."""
        with self._transaction() as connection:
            if session is None:
                return _orders(connection, "true", [])
            return _orders(connection, "session = ?", [session])

    def working_orders(self) -> list[Order]:
        """Orders whose end is not known."""
        with self._transaction() as connection:
            return _orders(connection, "list_contains(?, status)", [list(WORKING)])

    def positions(self, *, only_open: bool = False) -> list[Position]:
        """The positions, in the order of their opening."""
        condition = "closed_on IS NULL" if only_open else "true"
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(POSITION_FIELDS)} FROM positions WHERE {condition} "
                "ORDER BY opened_on, position_id"
            ).fetchall()
        found = [Position(*row) for row in rows]
        return [replace(p, legs=read_legs(str(p.legs))) for p in found]

    def last_marked(self) -> date | None:
        """The newest session that the account was marked at."""
        with self._transaction() as connection:
            row = connection.execute("SELECT max(session) FROM marks").fetchone()
        return None if row is None else row[0]

    def halted(self) -> str | None:
        """Why new orders are halted, or None."""
        with self._transaction() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'halted'").fetchone()
        return None if row is None else str(row[0])

    def halt(self, reason: str) -> None:
        """Refuse new entries until :meth:`resume`; exits go on."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('halted', ?)", [reason])

    def resume(self) -> None:
        """Allow new entries again."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM meta WHERE key = 'halted'")

    def table(self, name: str) -> pl.DataFrame:
        """One of orders, order_events, positions, marks as a frame, oldest first."""
        order = {"order_events": "number", "positions": "opened_on", "marks": "session"}
        with self._transaction() as connection:
            by = order.get(name, "session, client_order_id")
            return connection.sql(f'SELECT * FROM "{name}" ORDER BY {by}').pl()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                connection.execute(SCHEMA)
                self._require_same_owner(connection)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _require_same_owner(self, connection: duckdb.DuckDBPyConnection) -> None:
        wanted = {"account": self.account, "label": self.label}
        found = dict(
            connection.execute(
                "SELECT key, value FROM meta WHERE key IN ('account', 'label')"
            ).fetchall()
        )
        if not found:
            connection.executemany("INSERT INTO meta VALUES (?, ?)", list(wanted.items()))
        elif found != wanted:
            raise LedgerError(
                f"the ledger {self.path.name} belongs to account {found.get('account')} "
                f"({found.get('label')}), not {self.account} ({self.label}); "
                "set OPTIONS_ACCOUNT or OPTIONS_HOME"
            )


def _orders(
    connection: duckdb.DuckDBPyConnection, condition: str, params: list[object]
) -> list[Order]:
    rows = connection.execute(
        f"SELECT {', '.join(ORDER_FIELDS)} FROM orders WHERE {condition} "
        "ORDER BY session, client_order_id",
        params,
    ).fetchall()
    found = [Order(*row) for row in rows]
    return [replace(order, legs=read_legs(str(order.legs))) for order in found]


def _write_order(
    connection: duckdb.DuckDBPyConnection, order: Order, now: datetime, detail: str | None
) -> None:
    at = now.astimezone(UTC).replace(tzinfo=None)
    _write(connection, "orders", ORDER_FIELDS, order, updated_at=at)
    connection.execute(
        "INSERT INTO order_events (recorded_at, client_order_id, status, detail) "
        "VALUES (?, ?, ?, ?)",
        [at, order.client_order_id, order.status, detail],
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    value: Order | Position | AccountMark,
    **more: object,
) -> None:
    row: dict[str, object] = {name: getattr(value, name) for name in names} | more
    if isinstance(value, Order | Position):
        row["legs"] = json.dumps([asdict(leg) for leg in value.legs], default=str)
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values())
    )
