"""The read side of a ledger, over the files of a published version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.ledger.halt_notice import notice_of
from options_platform.adapters.storage.ledger.halts import write_halt
from options_platform.adapters.storage.published.tables import files_in_sql
from options_platform.adapters.storage.published.versions import Version
from options_platform.errors import DamagedError, LedgerError

if TYPE_CHECKING:
    import duckdb


class _InMemory:
    """The tables of a published ledger in memory, loaded when they are first asked for."""

    def __init__(self, version: Version, store: str) -> None:
        self.version = version
        self.entries = {
            entry["name"]: entry
            for folder, entry in version.tables.items()
            if folder.partition("/")[0] == store
        }
        self._connection: duckdb.DuckDBPyConnection | None = None

    def connection(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            import duckdb

            made = duckdb.connect()
            made.execute("SET threads = 1")
            for name, entry in self.entries.items():
                made.execute(f'CREATE TABLE "{name}" AS FROM {files_in_sql(self.version, entry)}')
            if "meta" in self.entries:
                made.execute("ALTER TABLE meta ADD PRIMARY KEY (key)")
            self._connection = made
        return self._connection


@dataclass(frozen=True)
class PublishedLedger(Ledger):
    """Reads as :class:`Ledger` does, of one published version; opens no store and cannot write.

    A halt counts from its notice on, also before a process that writes has recorded it.
    """

    database: _InMemory = field(kw_only=True)
    damage: DamagedError | None = field(default=None, kw_only=True)

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded, or a halt waits to be recorded."""
        has_tables = bool(self.database.entries) or self.damage is not None
        return has_tables or notice_of(self.path).exists()

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Refused: only the ledger itself may send orders."""
        with self._transaction():
            yield

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self.damage is not None:
            raise self._broken(self.damage.what) from self.damage
        yield self.database.connection()

    @contextmanager
    def _transaction(self, *_tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
        raise LedgerError("the published copy of a ledger is only read; change the ledger itself")
        yield  # pragma: no cover

    def _record_halt(self, reason: str, at: datetime) -> None:
        # In memory alone; whoever next writes to the ledger records it there.
        with self._connected() as connection:
            write_halt(connection, reason, at)
            self._seen(connection).forget()


def published_ledger(
    ledger: Ledger, version: Version, damage: DamagedError | None = None
) -> PublishedLedger:
    """The read side of `ledger` over a version; each read raises LedgerError for a `damage`."""
    owner = {each.name: getattr(ledger, each.name) for each in fields(Ledger)}
    database = _InMemory(version, ledger.path.stem)
    return PublishedLedger(**owner, database=database, damage=damage)
