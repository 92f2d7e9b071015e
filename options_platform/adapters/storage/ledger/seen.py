"""What is cached of a ledger while its file is held: nobody else can change it then."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from options_platform.adapters.storage.ledger.schema import prepare
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.errors import LedgerError

if TYPE_CHECKING:
    import duckdb

READ_FROM = re.compile(r"\b(?:FROM|JOIN) (\w+)")


@dataclass
class SeenLedger:
    """A connection whose tables and owner were checked.

    `orders` and `positions` are all rows as last read, None once their table was changed; `answers`
    are the rows of other queries, by query and parameters, until a table that they read changes.
    """

    owner: Mapping[str, str]
    orders: tuple[Order, ...] | None = None
    positions: tuple[Position, ...] | None = None
    answers: dict[tuple[object, ...], list[tuple[Any, ...]]] = field(default_factory=dict)

    def rows(
        self, connection: duckdb.DuckDBPyConnection, query: str, params: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of a query, read once for each change; not to be asked within a change."""
        key = (query, *params)
        if key not in self.answers:
            self.answers[key] = connection.execute(query, list(params)).fetchall()
        return self.answers[key]

    def forget(self, tables: Collection[str] = ()) -> None:
        """Drop the cached rows of these tables, or of all: the next reader reads them again."""
        if not tables or "orders" in tables:
            self.orders = None
        if not tables or "positions" in tables:
            self.positions = None
        self.answers = {key: rows for key, rows in self.answers.items() if _is_kept(key, tables)}


def _is_kept(key: tuple[object, ...], changed: Collection[str]) -> bool:
    read = READ_FROM.findall(str(key[0]))
    return bool(changed and read) and set(read).isdisjoint(changed)


_seen: WeakKeyDictionary[duckdb.DuckDBPyConnection, SeenLedger] = WeakKeyDictionary()


def seen_ledger(
    connection: duckdb.DuckDBPyConnection, name: str, owner: Mapping[str, str]
) -> SeenLedger:
    """The cache of the ledger behind a connection, its tables created or brought up to date.

    `owner` holds account, label and broker. Raises :class:`LedgerError` if the file `name` is of
    another owner.
    """
    import duckdb

    seen = _seen.get(connection)
    if seen is not None and seen.owner == owner:
        return seen
    # Small tables: a second thread costs ten times what it saves, and a better plan of a query
    # takes longer than the query.
    connection.execute("SET threads = 1")
    connection.execute("PRAGMA disable_optimizer")
    connection.execute("BEGIN TRANSACTION")
    try:
        prepare(connection)
        _require_same_owner(connection, name, owner)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
    _seen[connection] = SeenLedger(owner)
    return _seen[connection]


def _require_same_owner(
    connection: duckdb.DuckDBPyConnection, name: str, wanted: Mapping[str, str]
) -> None:
    rows = connection.execute(
        "SELECT key, value FROM meta WHERE key IN ('account', 'label', 'broker')"
    ).fetchall()
    recorded = dict(rows)
    if not recorded:
        connection.executemany("INSERT INTO meta VALUES (?, ?)", list(wanted.items()))
        return
    # Ledgers of before there were other brokers name none.
    recorded.setdefault("broker", "simulated")
    if recorded != wanted:
        raise LedgerError(
            f"the ledger {name} belongs to account {recorded.get('account')} "
            f"({recorded.get('label')}, broker {recorded.get('broker')}), not {wanted['account']} "
            f"({wanted['label']}, broker {wanted['broker']}); set OPTIONS_ACCOUNT to another name, "
            "which has a ledger of its own"
        )
