"""The read side of the warehouse, over the files of a published version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.storage.published.exporting import MARTS, WAREHOUSE
from options_platform.adapters.storage.published.versions import Version
from options_platform.adapters.storage.stored_columns import columns_to_add
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import Table
from options_platform.errors import DamagedError, HomeError

if TYPE_CHECKING:
    import duckdb

_WORD = re.compile(r"\w+")


class PublishedWarehouse(Warehouse):
    """Reads as :class:`Warehouse` does, and equal rows; opens no store and cannot write.

    All reads are of one version, which stays for as long as this object does.
    """

    def __init__(self, path: Path, version: Version, damage: DamagedError | None = None) -> None:
        super().__init__(path)
        self._version = version
        self._damage = damage

    @property
    def version(self) -> Version:
        """The version that is read. Raises :class:`DamagedError` if the warehouse is damaged."""
        if self._damage is not None:
            raise self._damage
        return self._version

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        tickers: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> pl.DataFrame:
        """As :meth:`Warehouse.read`."""
        schema = table.schema
        names = list(columns) if columns is not None else schema.names()
        entry = self._entry(table)
        if entry is None:
            return table.empty().select(names)
        files = [self.version.folder / file["path"] for file in _files(entry, start, end)]
        if not files:
            return table.empty().select(names)
        rows = _with_added(pl.scan_parquet(files, glob=False), table, entry, names)
        for condition in _conditions(tickers, start, end):
            rows = rows.filter(condition)
        # Each file is sorted, and the years follow each other.
        if len(files) > 1 and entry["key"][0] != "date":
            rows = rows.sort(entry["key"])
        return rows.select(names).collect().cast({name: schema[name] for name in names})

    def read_mart(self, name: str) -> pl.DataFrame | None:
        """As :meth:`Warehouse.read_mart`."""
        entry = self.version.tables.get(f"{MARTS}/{name}")
        if entry is None:
            return None
        files = [self.version.folder / file["path"] for file in entry["files"]]
        return pl.read_parquet(files, glob=False, hive_partitioning=False)

    def has(self, table: Table) -> bool:
        """Whether the table exists."""
        return self._entry(table) is not None

    def _entry(self, table: Table) -> Mapping[str, Any] | None:
        return self.version.tables.get(f"{WAREHOUSE}/{table.name}")

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with views_of(self.version) as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        raise HomeError("the published copy is only read; write to the warehouse itself")
        yield  # pragma: no cover


@contextmanager
def views_of(version: Version) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with a view of each table of the warehouse and of each mart."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute(f"CREATE SCHEMA {MARTS}")
        for folder, entry in version.tables.items():
            store, _, name = folder.partition("/")
            if store in (WAREHOUSE, MARTS):
                schema = MARTS if store == MARTS else "main"
                connection.execute(
                    f'CREATE VIEW {schema}."{name}" AS FROM {files_in_sql(version, entry)}'
                )
        yield connection


def files_in_sql(version: Version, entry: Mapping[str, Any]) -> str:
    """The files of a table as a source in SQL."""
    paths = (str(version.folder / file["path"]).replace("'", "''") for file in entry["files"])
    listed = ", ".join(f"'{path}'" for path in paths)
    # A folder above the home may be named like a column's value, such as `ticker=SPY`.
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _files(entry: Mapping[str, Any], start: date | None, end: date | None) -> list[Any]:
    first, last = (start or date.min).year, (end or date.max).year
    return [f for f in entry["files"] if f["year"] is None or first <= f["year"] <= last]


def _with_added(
    rows: pl.LazyFrame, table: Table, entry: Mapping[str, Any], names: Sequence[str]
) -> pl.LazyFrame:
    """The rows with the columns that this version adds to those of a former one.

    Raises :class:`ContractError` for files that differ in any other way.
    """
    stored = {column["name"]: column["type"] for column in entry["columns"]}
    if {*names, *table.key} <= {*stored}:
        return rows
    added = columns_to_add(table, stored)
    return rows.with_columns(pl.lit(table.absent.get(n), table.schema[n]).alias(n) for n in added)


def _conditions(
    tickers: Sequence[str] | None, start: date | None, end: date | None
) -> Iterator[pl.Expr]:
    if tickers is not None:
        yield pl.col("ticker").is_in([*tickers])
    if start is not None:
        yield pl.col("date") >= start
    if end is not None:
        yield pl.col("date") <= end
