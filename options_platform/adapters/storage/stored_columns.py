"""The columns of a stored table against those of its contract.

A table that a former version stored may lack columns: nullable ones, which are read as null, and
those with an `absent` value, which are read as that. Any other difference is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from options_platform.contracts import Table
from options_platform.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

_TYPES: dict[pl.DataType, str] = {
    pl.Date(): "DATE",
    pl.String(): "VARCHAR",
    pl.Float64(): "DOUBLE",
    pl.Int8(): "TINYINT",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Boolean(): "BOOLEAN",
    pl.Datetime("us", "UTC"): "TIMESTAMPTZ",
    pl.List(pl.String): "VARCHAR[]",
}


def stored_columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """The type of each column of a stored table in SQL, in its order; empty without the table."""
    return columns_by_table(connection, f"schema_name = 'main' AND table_name = '{name}'").get(
        ("main", name), {}
    )


def columns_by_table(
    connection: duckdb.DuckDBPyConnection, condition: str = "NOT internal"
) -> dict[tuple[str, str], dict[str, str]]:
    """By schema and name of a table, the type of each of its columns in SQL, in their order."""
    rows = connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        f"WHERE {condition}"
    ).fetchall()
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in rows:
        known = "TIMESTAMPTZ" if kind == "TIMESTAMP WITH TIME ZONE" else kind
        tables.setdefault((schema, table), {})[column] = known
    return tables


def columns_to_add(table: Table, stored: Mapping[str, str]) -> list[str]:
    """The columns that a table of a former version lacks and may lack, in order.

    Raises :class:`ContractError` if the stored table differs in any other way.
    """
    expected = {column.name: _of(column.dtype) for column in table.columns}
    needed = table.required.union(table.fixed_columns) - {*table.absent}
    absent = [name for name in expected if name not in stored and name not in needed]
    changed = {name for name, _ in stored.items() ^ expected.items()} - {*absent}
    if changed:
        raise ContractError(
            f"the stored table {table.name} has another schema than this version's "
            f"({', '.join(sorted(changed))}); {_mending(table)}"
        )
    return absent


def _mending(table: Table) -> str:
    """How a table of another schema is brought up to date."""
    from options_platform.adapters.storage.tables import COMPUTED_TABLES

    if any(table.name == each.name for each in COMPUTED_TABLES):
        return f"compute it again: options-platform backfill --rebuild {table.name}"
    return "rebuild it in a new OPTIONS_HOME, or drop the table and backfill it"


def sql_type(table: Table, name: str) -> str:
    """The type of a contract's column in SQL."""
    return _of(table.column(name).dtype)


def _of(dtype: pl.DataType | type[pl.DataType]) -> str:
    return _TYPES[dtype() if isinstance(dtype, type) else dtype]


def select_list(table: Table, names: Iterable[str], added: Sequence[str] = ()) -> str:
    """The columns in SQL, with what a null and an `added` one, which is not stored, are read as."""
    return ", ".join(_selected(table, name, is_added=name in added) for name in names)


def _selected(table: Table, name: str, *, is_added: bool) -> str:
    value = table.absent.get(name)
    if is_added:
        nothing = f"NULL::{sql_type(table, name)}" if value is None else f"'{value}'"
        return f'{nothing} AS "{name}"'
    return f'"{name}"' if value is None else f'coalesce("{name}", \'{value}\') AS "{name}"'
