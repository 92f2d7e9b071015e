"""SQL marts: one SELECT per file in `dbt_like_sql/`, built into the schema `marts`.

A mart reads asset tables by name (`trade_plan`) and other marts as `marts.scored_predictions`; a
parser extracts these dependencies from the SQL. The leading comment is its description. Every
build replaces the whole schema in one transaction, so readers see the old marts or the new ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from options_platform.adapters.storage.changes import begin_change
from options_platform.adapters.storage.duck import held, known_fault
from options_platform.adapters.storage.tables import tables
from options_platform.adapters.storage.warehouse import MARTS, Warehouse
from options_platform.errors import PlatformError

if TYPE_CHECKING:
    import duckdb

SCHEMA, MAIN = MARTS, "main"
SUFFIX = ".sql"
PACKAGE = "dbt_like_sql"
"""Lies beside this package in a clone and in a wheel."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class MartError(PlatformError):
    """A mart cannot be built; the message names its file. The stored marts are unchanged."""


@dataclass(frozen=True)
class Mart:
    """One mart; `refs` are the marts and `sources` the warehouse tables that it reads."""

    name: str
    description: str
    query: str
    refs: tuple[str, ...]
    sources: tuple[str, ...]


def marts_folder() -> Traversable:
    """The folder of the marts that the platform is installed with."""
    return files(PACKAGE)


def load_marts(folder: Traversable | None = None) -> list[Mart]:
    """The marts of the folder (default: the platform's), each after the marts that it reads.

    Raises :class:`MartError` for a missing description, SQL that is not one SELECT, unknown tables
    or marts, and circular references.
    """
    folder = folder or marts_folder()
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX)), key=_name)
    if not found:
        raise MartError(f"no *{SUFFIX} file in {folder}; install the package again")
    marts = {_name(file): _parse(file) for file in found}
    for mart in marts.values():
        for name in mart.refs:
            if name not in marts:
                raise MartError(
                    f"{mart.name}.sql: marts.{name} is not a mart; marts are {', '.join(marts)}"
                )
    return [marts[name] for name in _ordered(marts)]


def build_marts(warehouse: Warehouse, folder: Traversable | None = None) -> list[tuple[str, int]]:
    """Rebuild the schema `marts` from the folder's files; returns names and row counts.

    Raises :class:`MartError` naming the faulty file; the stored marts are then unchanged.
    """
    import duckdb

    marts = load_marts(folder)
    warehouse.create_all()
    rows = []
    with held(warehouse.path, wait_seconds=warehouse.wait_seconds) as connection:
        begin_change(warehouse.path)
        connection.execute("BEGIN TRANSACTION")
        try:
            connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            for mart in marts:
                try:
                    rows.append((mart.name, _create(connection, mart)))
                except duckdb.Error as error:
                    if known_fault(warehouse.path, error) is not None:
                        raise
                    raise MartError(f"{mart.name}.sql: {_one_line(error)}") from error
        except BaseException:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return rows


def _create(connection: duckdb.DuckDBPyConnection, mart: Mart) -> int:
    query = mart.query.rstrip().rstrip(";")
    connection.execute(f"CREATE TABLE {SCHEMA}.{mart.name} AS\n{query}\n")
    _narrow(connection, mart)
    description = mart.description.replace("'", "''")
    connection.execute(f"COMMENT ON TABLE {SCHEMA}.{mart.name} IS '{description}'")
    counted = connection.execute(f"SELECT count(*) FROM {SCHEMA}.{mart.name}").fetchone()
    return int(counted[0]) if counted else 0


def _narrow(connection: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    """Store sums of whole numbers as BIGINT: Parquet has no HUGEINT, and would round them."""
    table = f"{SCHEMA}.{mart.name}"
    for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
        if kind == "HUGEINT":
            column = '"' + name.replace('"', '""') + '"'
            fits = f"SELECT coalesce(max(abs({column})) < 2::HUGEINT ** 63, true) FROM {table}"
            if connection.execute(fits).fetchall() == [(True,)]:
                connection.execute(f"ALTER TABLE {table} ALTER {column} TYPE BIGINT")


def _name(file: Traversable) -> str:
    return file.name.removesuffix(SUFFIX)


def _parse(file: Traversable) -> Mart:
    if not _NAME.fullmatch(_name(file)):
        raise MartError(f"{file.name}: name a mart with small letters, digits and underscores")
    text = file.read_text(encoding="utf-8")
    comments: list[str] = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        comments.append(line.removeprefix("--").strip())
    if not any(comments):
        raise MartError(f"{file.name}: begin with a comment (--) that describes the mart")
    refs, sources = _reads(file.name, text)
    return Mart(_name(file), " ".join(comments), text, refs, sources)


def _reads(name: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The marts and the tables that a query reads, without its common table expressions."""
    import sqlglot
    from sqlglot.errors import ParseError, TokenError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        statements = [each for each in sqlglot.parse(text, dialect="duckdb") if each is not None]
    except ParseError as error:
        first = error.errors[0]
        raise MartError(
            f"{name} line {first['line']}: {first['description']} near {first['highlight']!r}"
        ) from error
    except TokenError as error:
        raise MartError(f"{name}: {_one_line(error)}") from error
    if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query):
        raise MartError(f"{name}: a mart is one SELECT and nothing else")
    refs: dict[str, None] = {}
    sources: dict[str, None] = {}
    for scope in traverse_scope(statements[0]):
        for table in scope.sources.values():
            if not isinstance(table, sqlglot.exp.Table):
                continue
            if table.db == SCHEMA:
                refs[table.name] = None
            elif table.db in ("", MAIN) and table.name in tables():
                sources[table.name] = None
            else:
                raise MartError(
                    f"{name}: {table.sql('duckdb', comments=False)} is not a table; tables are "
                    f"{', '.join(tables())}, and marts as {SCHEMA}.NAME"
                )
    return tuple(refs), tuple(sources)


def _ordered(marts: Mapping[str, Mart]) -> list[str]:
    try:
        return list(
            TopologicalSorter({name: mart.refs for name, mart in marts.items()}).static_order()
        )
    except CycleError as error:
        circle = " -> ".join(f"{name}.sql" for name in reversed(error.args[1]))
        raise MartError(f"marts read each other in a circle: {circle}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())
