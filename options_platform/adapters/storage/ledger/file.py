"""The file of a ledger: who holds it, its transactions, and what all its subjects read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.storage.changes import begin_change
from options_platform.adapters.storage.duck import held, held_by_thread
from options_platform.adapters.storage.ledger.halt_notice import notice_of
from options_platform.adapters.storage.ledger.rows import (
    read_orders,
    read_positions,
    set_meta,
    write_event,
)
from options_platform.adapters.storage.ledger.seen import SeenLedger, seen_ledger
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.errors import DamagedError, DiskFullError, HomeError, LedgerError

if TYPE_CHECKING:
    import duckdb

NOTHING_SENT = "nothing was sent"
EMPTY_LOOKS = 10
EMPTY_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class LedgerFile:
    """The file of one account's ledger; `label` says what its orders are: paper, live or replay."""

    path: Path
    account: str = "paper"
    label: str = "paper"
    wait_seconds: float = 60.0
    broker: str = "simulated"

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded, or a halt waits to be recorded."""
        return self.path.exists() or notice_of(self.path).exists()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the file over many steps; each is still a transaction of its own."""
        with self._connected():
            yield

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Be the only process that sends orders by this ledger.

        The file is held throughout, and each step is a transaction of its own. The operating system
        releases both when the process ends, however it ends. Raises :class:`LedgerError` if another
        process trades and does not end within `wait_seconds`.
        """
        from filelock import FileLock, Timeout

        try:
            with FileLock(f"{self.path}.lock", timeout=self.wait_seconds), self.holding():
                yield
        except Timeout as error:
            raise LedgerError(
                f"another process trades by {self.path.name} and did for {self.wait_seconds:g} s; "
                f"{NOTHING_SENT}; let it end, then try again"
            ) from error

    def kept(self, name: str) -> str | None:
        """The text that :meth:`keep` stored last under a name; None if there is none."""
        with self._reading() as connection:
            return self._kept(connection, name)

    def keep(self, name: str, text: str | None, now: datetime, event: str | None = None) -> None:
        """Store a text under a name, beside the orders; None deletes it.

        With `event` an account event of that name is written too.
        """
        with self._transaction("meta", "account_events") as connection:
            if text is None:
                connection.execute("DELETE FROM meta WHERE key = ?", [name])
            else:
                set_meta(connection, name, text)
            if event is not None:
                write_event(connection, now, name, event)

    def table(self, name: str) -> pl.DataFrame:
        """A table such as orders, order_events, account_events, positions, marks; oldest first."""
        order = {
            "order_events": "number",
            "account_events": "number",
            "positions": "opened_on",
            "marks": "session",
            "broken_marks": "session, position_id",
        }
        with self._reading() as connection:
            by = order.get(name, "session, client_order_id")
            return connection.sql(f'SELECT * FROM "{name}" ORDER BY {by}').pl()

    @contextmanager
    def _transaction(self, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose changes are all recorded at the end, or none of them.

        `tables` are all those that may change, or none: any may. The others need not be read again.
        """
        import duckdb

        with self._connected() as connection:
            seen = self._seen(connection)
            begin_change(self.path)
            connection.execute("BEGIN TRANSACTION")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                seen.forget(tables)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to read from; the file is held, so nothing changes meanwhile."""
        with self._connected() as connection:
            self._seen(connection)
            yield connection

    def _seen(self, connection: duckdb.DuckDBPyConnection) -> SeenLedger:
        owner = {"account": self.account, "label": self.label, "broker": self.broker}
        return seen_ledger(connection, self.path.name, owner)

    def _order(self, connection: duckdb.DuckDBPyConnection, order_id: str) -> Order | None:
        return next((o for o in self._orders(connection) if o.client_order_id == order_id), None)

    def _orders(self, connection: duckdb.DuckDBPyConnection) -> tuple[Order, ...]:
        """All orders by session and id; read again only after a change."""
        seen = self._seen(connection)
        if seen.orders is None:
            seen.orders = tuple(read_orders(connection, "true", []))
        return seen.orders

    def _positions(self, connection: duckdb.DuckDBPyConnection) -> tuple[Position, ...]:
        """All positions by the day they were opened; read again only after a change."""
        seen = self._seen(connection)
        if seen.positions is None:
            seen.positions = tuple(read_positions(connection))
        return seen.positions

    def _rows(
        self, connection: duckdb.DuckDBPyConnection, query: str, params: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of a query outside of a transaction, read once for each change."""
        return self._seen(connection).rows(connection, query, params)

    def _kept(self, connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
        """The text stored under a name, read once for each change."""
        rows = self._rows(connection, "SELECT key, value FROM meta")
        return next((str(value) for key, value in rows if key == name), None)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        mine = held_by_thread(self.path)
        if mine is None:
            self._require_some_bytes()
        try:
            if mine is not None:
                yield mine
                return
            with held(self.path, wait_seconds=self.wait_seconds) as connection:
                yield connection
        except duckdb.Error as error:
            raise self._broken(str(error).splitlines()[0]) from error
        except (DamagedError, DiskFullError) as error:
            raise self._broken(error.what) from error
        except HomeError as error:
            raise self._broken(str(error)) from error

    def _require_some_bytes(self) -> None:
        """LedgerError for a file without content, which DuckDB would take for a new one."""
        for _ in range(EMPTY_LOOKS):
            try:
                if self.path.stat().st_size > 0:
                    return
            except (FileNotFoundError, NotADirectoryError):
                return
            # Another process may be about to write its first bytes.
            time.sleep(EMPTY_PAUSE_SECONDS)
        raise self._broken("it is empty")

    def _broken(self, what: str) -> LedgerError:
        return LedgerError(
            f"the ledger {self.path.name} cannot be used ({what}); the last change was not "
            "recorded and no new order is sent; free disk space, or bring the file back from a "
            "backup (options-platform restore), then: options-platform reconcile"
        )
