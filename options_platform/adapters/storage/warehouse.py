"""The warehouse: one DuckDB file with every table of `contracts/`.

A write is one transaction over all tables that belong together: it deletes the replaced rows,
inserts the new ones by name, and commits. A crash at any time leaves the old rows or the new ones.
The meaning of columns does not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from options_platform.adapters.storage.changes import begin_change
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.stored_columns import (
    columns_by_table,
    columns_to_add,
    select_list,
    sql_type,
    stored_columns,
)
from options_platform.adapters.storage.tables import tables
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import Table
from options_platform.errors import ContractError

if TYPE_CHECKING:
    import duckdb

MARTS = "marts"
"""The schema of the marts."""

DEFAULT_WAIT_SECONDS = 60.0


class Warehouse:
    """Reads and writes tables; opens the file for each call and closes it at once.

    `after_write` is called after each write, when the file is closed.
    """

    def __init__(
        self,
        path: Path,
        *,
        wait_seconds: float = DEFAULT_WAIT_SECONDS,
        after_write: Callable[[], None] | None = None,
    ) -> None:
        self.path = path
        self.wait_seconds = wait_seconds
        self.after_write = after_write

    def write(
        self, frames: Sequence[tuple[Table, pl.DataFrame]], *, scope: PartitionRange | None = None
    ) -> None:
        """Store the frames in one transaction, replacing stored rows.

        With a `scope`, all rows of its partitions are replaced in every table; no row of a frame
        may lie outside. Without one, the rows with the frames' partition keys are replaced. The
        first frame is the main one and must not be empty.

        Raises :class:`ContractError` for an empty main frame, and for wrong keys or schemas; the
        tables are then unchanged.
        """
        if not frames or frames[0][1].is_empty():
            name = frames[0][0].name if frames else "the warehouse"
            raise ContractError(f"{name}: an empty frame is never a result; nothing was written")
        checked = [(table, table.validate(frame)) for table, frame in frames]
        if scope is not None:
            for table, frame in checked:
                _require_inside(table, frame, scope)
        with self._transaction() as connection:
            for table, frame in checked:
                _create(connection, table)
                if scope is None:
                    _delete_partitions_of(connection, table, frame)
                else:
                    _delete_scope(connection, table, scope)
                _insert(connection, table, frame)

    def replace(
        self, frames: Sequence[tuple[Table, pl.DataFrame]], column: str, value: str
    ) -> None:
        """Store the frames in one transaction, replacing all rows whose `column` is `value`.

        A frame may be empty. Raises :class:`ContractError` for a wrong schema, and for a row with
        another value.
        """
        checked = [(table, table.validate(frame)) for table, frame in frames]
        for table, frame in checked:
            if (frame[column] != value).any():
                raise ContractError(
                    f"{table.name}: rows of another {column} than {value}; nothing was written"
                )
        with self._transaction() as connection:
            for table, frame in checked:
                _create(connection, table)
                connection.execute(f'DELETE FROM "{table.name}" WHERE "{column}" = ?', [value])
                _insert(connection, table, frame)

    def upsert(self, table: Table, frame: pl.DataFrame) -> None:
        """Add the rows of `frame`; each replaces the stored row with the same primary key."""
        checked = table.validate(frame)
        if checked.is_empty():
            return
        with self._transaction() as connection:
            _create(connection, table)
            _delete_matching(connection, table, checked, table.key)
            _insert(connection, table, checked)

    def remove(self, keys: Sequence[tuple[Table, pl.DataFrame]]) -> None:
        """Delete the rows of each table with its frame's date and ticker, in one transaction."""
        with self._transaction() as connection:
            for table, frame in keys:
                if stored_columns(connection, table.name):
                    _delete_matching(connection, table, frame, KEY)

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        tickers: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> pl.DataFrame:
        """The table's rows, sorted by its key; an empty frame with its schema if there are none.

        A nullable column that a table of a former version lacks is null in every row, and one with
        an `absent` value has that, as it has in place of a null. Raises
        :class:`ContractError` if the stored table differs from this version's in any other way.
        """
        schema = table.schema
        names = list(columns) if columns is not None else schema.names()
        conditions = _conditions(tickers, start, end)
        if not self.path.exists():
            return table.empty().select(names)
        import duckdb

        with self._connection() as connection:
            try:
                frame = _select(connection, table, names, conditions)
            except duckdb.CatalogException:
                return table.empty().select(names)
            except duckdb.BinderException:
                absent = columns_to_add(table, stored_columns(connection, table.name))
                if not absent:
                    raise
                frame = _select(connection, table, names, conditions, absent)
        return frame.cast({name: schema[name] for name in names})

    def read_mart(self, name: str) -> pl.DataFrame | None:
        """The stored rows of a mart; None if it was never built."""
        if not self.path.exists():
            return None
        import duckdb

        with self._connection() as connection:
            try:
                return connection.table(f"{MARTS}.{name}").pl()
            except duckdb.CatalogException:
                return None

    def query(
        self, sql: str, params: Sequence[object] | Mapping[str, object] | None = None
    ) -> pl.DataFrame:
        """The result of a read-only query over the warehouse."""
        with self._connection() as connection:
            return connection.execute(sql, params).pl()

    def execute(self, statements: Sequence[str]) -> None:
        """Run SQL statements in one transaction."""
        with self._transaction() as connection:
            for statement in statements:
                connection.execute(statement)

    def has(self, table: Table) -> bool:
        """Whether the table exists."""
        if not self.path.exists():
            return False
        with self._connection() as connection:
            return bool(stored_columns(connection, table.name))

    def other_schemas(self) -> list[ContractError]:
        """Why each stored table that this version can neither read nor write is refused."""
        refused = []
        with self._connection() as connection:
            stored = columns_by_table(connection)
            for name, table in tables().items():
                if columns := stored.get(("main", name)):
                    try:
                        columns_to_add(table, columns)
                    except ContractError as error:
                        refused.append(error)
        return refused

    def drop(self, names: Sequence[str]) -> None:
        """Drop tables, whatever their stored schema, in one transaction; none that is missing."""
        with self._transaction() as connection:
            for name in names:
                connection.execute(f'DROP TABLE IF EXISTS "{name}"')

    def create_all(self) -> None:
        """Create missing tables, so that queries and marts can read all of them."""
        with self._transaction() as connection:
            for table in tables().values():
                _create(connection, table)

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        with self._connection() as connection:
            begin_change(self.path)
            connection.execute("BEGIN TRANSACTION")
            try:
                yield connection
            except BaseException:
                # After a fatal error of the database there is no transaction to roll back.
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        if self.after_write is not None:
            self.after_write()


def _conditions(tickers: Sequence[str] | None, start: date | None, end: date | None) -> str:
    """The rows to read, as literals: to bind a value, DuckDB imports pandas, for half a second."""
    parts: list[str] = []
    if tickers is not None:
        quoted = (ticker.replace("'", "''") for ticker in tickers)
        listed = ", ".join(f"'{ticker}'" for ticker in quoted)
        parts.append(f"list_contains([{listed}]::VARCHAR[], ticker)")
    if start is not None:
        parts.append(f"date >= DATE '{start:%Y-%m-%d}'")
    if end is not None:
        parts.append(f"date <= DATE '{end:%Y-%m-%d}'")
    return " WHERE " + " AND ".join(parts) if parts else ""


def _select(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    names: Sequence[str],
    conditions: str,
    absent: Sequence[str] = (),
) -> pl.DataFrame:
    listed = select_list(table, names, absent)
    order = ", ".join(f'"{name}"' for name in table.key if name not in absent)
    query = f'SELECT {listed} FROM "{table.name}"{conditions} ORDER BY {order}'
    return connection.execute(query).pl()


def _create(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create the table, or add the columns that one of a former version may lack."""
    stored = stored_columns(connection, table.name)
    if stored:
        for name in columns_to_add(table, stored):
            added = _defined(table, name)
            if name in table.absent:
                # A column that is added cannot be NOT NULL; the default fills the stored rows.
                added = f"\"{name}\" VARCHAR DEFAULT '{table.absent[name]}'"
            connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {added}')
        return
    lines = [_defined(table, name) for name in table.schema.names()]
    connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(lines)})')


def _defined(table: Table, name: str) -> str:
    """The column's name, type and null rule in SQL."""
    return f'"{name}" {sql_type(table, name)}' + (" NOT NULL" if name in table.required else "")


def _require_inside(table: Table, frame: pl.DataFrame, scope: PartitionRange) -> None:
    outside = frame.filter(
        ~pl.col("date").is_between(scope.start, scope.end) | ~pl.col("ticker").is_in(scope.tickers)
    )
    if outside.height:
        day, ticker = outside.select("date", "ticker").row(0)
        raise ContractError(
            f"{table.name}: {outside.height} rows are outside the partitions to be written, "
            f"e.g. {day} {ticker}; nothing was written"
        )


def _delete_scope(
    connection: duckdb.DuckDBPyConnection, table: Table, scope: PartitionRange
) -> None:
    connection.execute(
        f'DELETE FROM "{table.name}" WHERE date BETWEEN ? AND ? '
        "AND list_contains(?::VARCHAR[], ticker)",
        [scope.start, scope.end, list(scope.tickers)],
    )


def _delete_partitions_of(
    connection: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame
) -> None:
    _delete_matching(connection, table, frame, table.partition)


def _delete_matching(
    connection: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame, key: Sequence[str]
) -> None:
    if frame.is_empty():
        return
    connection.register("_replaced", frame.select(key).unique().to_arrow())
    match = " AND ".join(f'stored."{name}" = _replaced."{name}"' for name in key)
    connection.execute(f'DELETE FROM "{table.name}" AS stored USING _replaced WHERE {match}')
    connection.unregister("_replaced")


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return
    connection.register("_incoming", frame.to_arrow())
    connection.execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM _incoming')
    connection.unregister("_incoming")
