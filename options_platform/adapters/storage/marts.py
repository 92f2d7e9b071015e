"""SQL marts: one SELECT a file in `dbt_like_sql/`, built into the schema `marts`.

A mart reads asset tables by their name (`trade_plan`) and other marts as
`marts.scored_predictions`; what it rests on is read from the SQL itself, by a parser. Its leading
comment is its description. The schema is derived data: every build replaces it whole, in one
transaction, so readers see the old marts or the new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.adapters.storage.duck import held, known_fault
from options_platform.adapters.storage.tables import tables
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.errors import PlatformError

if TYPE_CHECKING:
    import duckdb

SCHEMA, MAIN = "marts", "main"
FOLDER = Path(__file__).parents[3] / "dbt_like_sql"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class MartError(PlatformError):
    """A mart's file cannot be built; the message names the file. The marts stay as they were."""


@dataclass(frozen=True)
class Mart:
    """One mart: `refs` are the marts that it reads, `sources` the tables of the warehouse."""

    name: str
    description: str
    query: str
    refs: tuple[str, ...]
    sources: tuple[str, ...]


def load_marts(folder: Path = FOLDER) -> list[Mart]:
    """The marts of the folder, each after those that it reads.

    Raises :class:`MartError` on a missing description, on SQL that is not one SELECT, on unknown
    tables and marts, and on marts that read each other in a circle.
    """
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise MartError(f"no *.sql file in {folder}; the marts are built from a clone's folder")
    marts = {path.stem: _parse(path) for path in files}
    for mart in marts.values():
        for name in mart.refs:
            if name not in marts:
                raise MartError(
                    f"{mart.name}.sql: marts.{name} is no mart; there are {', '.join(marts)}"
                )
    return [marts[name] for name in _ordered(marts)]


def build_marts(warehouse: Warehouse, folder: Path = FOLDER) -> list[tuple[str, int]]:
    """Replace the schema `marts` by what the folder's files select; names and row counts.

    Raises :class:`MartError` naming the file at fault, with the marts as they were.
    """
    import duckdb

    marts = load_marts(folder)
    warehouse.create_all()
    rows = []
    with held(warehouse.path, wait_seconds=warehouse.wait_seconds) as connection:
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
    description = mart.description.replace("'", "''")
    connection.execute(f"COMMENT ON TABLE {SCHEMA}.{mart.name} IS '{description}'")
    counted = connection.execute(f"SELECT count(*) FROM {SCHEMA}.{mart.name}").fetchone()
    return int(counted[0]) if counted else 0


def _parse(path: Path) -> Mart:
    if not _NAME.fullmatch(path.stem):
        raise MartError(f"{path.name}: name a mart with small letters, digits and underscores")
    text = path.read_text(encoding="utf-8")
    comments: list[str] = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        comments.append(line.removeprefix("--").strip())
    if not any(comments):
        raise MartError(f"{path.name}: begin with a comment (--) that describes the mart")
    refs, sources = _reads(path.name, text)
    return Mart(path.stem, " ".join(comments), text, refs, sources)


def _reads(name: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The marts and the tables that a query reads, common table expressions not among them."""
    import sqlglot
    from sqlglot.errors import ParseError, TokenError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        statements = [found for found in sqlglot.parse(text, dialect="duckdb") if found is not None]
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
                    f"{name}: {table.sql('duckdb', comments=False)} is no table; there are "
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
