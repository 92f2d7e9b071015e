"""SQL marts: one SELECT a file in `dbt_like_sql/`, built into the schema `marts`.

A mart reads asset tables as `{{ source('trade_plan') }}` and other marts as
`{{ ref('scored_predictions') }}`; its leading comment is its description. The schema is derived
data: every build replaces it whole, in one transaction, so readers see the old marts or the new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.adapters.duck import held
from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import tables
from options_platform.errors import PlatformError

if TYPE_CHECKING:
    import duckdb

SCHEMA = "marts"
FOLDER = Path(__file__).parents[2] / "dbt_like_sql"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CALL = re.compile(r"""\s*(ref|source)\(\s*(['"])(\w+)\2\s*\)\s*""")


class MartError(PlatformError):
    """A mart's file cannot be built; the message names the file. The marts stay as they were."""


@dataclass(frozen=True)
class Mart:
    """One mart: `query` has its placeholders filled in, `refs` are the marts that it reads."""

    name: str
    description: str
    query: str
    refs: tuple[str, ...]


def load_marts(folder: Path = FOLDER) -> list[Mart]:
    """The marts of the folder, each after those that it reads.

    Raises :class:`MartError` on a missing description, an unknown placeholder, source or
    reference, and on marts that read each other in a circle.
    """
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise MartError(f"no *.sql file in {folder}; the marts are built from a clone's folder")
    marts = {path.stem: _parse(path) for path in files}
    for mart in marts.values():
        for name in mart.refs:
            if name not in marts:
                raise MartError(
                    f"{mart.name}.sql: ref('{name}') is no mart; there are {', '.join(marts)}"
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
                    raise MartError(f"{mart.name}.sql: {_one_line(error)}") from error
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return rows


def _create(connection: duckdb.DuckDBPyConnection, mart: Mart) -> int:
    import duckdb

    found = connection.extract_statements(mart.query)
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        raise MartError(f"{mart.name}.sql: a mart is one SELECT and nothing else")
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
    refs: list[str] = []

    def fill(match: re.Match[str]) -> str:
        call = _CALL.fullmatch(match.group(1))
        if call is None:
            raise MartError(
                f"{path.name}: {match.group(0)} is neither {{{{ ref('a_mart') }}}} nor "
                "{{ source('a_table') }}"
            )
        kind, name = call.group(1), call.group(3)
        if kind == "ref":
            refs.append(name)
            return f"{SCHEMA}.{name}"
        if name not in tables():
            raise MartError(
                f"{path.name}: source('{name}') is no table; there are {', '.join(tables())}"
            )
        return f'main."{name}"'

    query = _PLACEHOLDER.sub(fill, text)
    return Mart(path.stem, " ".join(comments), query, tuple(dict.fromkeys(refs)))


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
