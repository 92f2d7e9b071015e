"""The SQL marts: one SELECT a file, built in the order of their references.

A file may use `{{ source('table') }}` for a table of the warehouse and `{{ ref('mart') }}` for
another mart. All are rebuilt in one transaction, into the schema `marts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import tables
from options_platform.errors import ContractError

FOLDER = Path(__file__).parents[2] / "dbt_like_sql"
SCHEMA = "marts"
PLACEHOLDER = re.compile(r"\{\{\s*(ref|source)\('(\w+)'\)\s*\}\}")


@dataclass(frozen=True)
class Mart:
    """A mart: its name, its description (the file's first comment) and its query."""

    name: str
    description: str
    query: str
    refs: frozenset[str]


def read_marts(folder: Path = FOLDER) -> list[Mart]:
    """The marts of a folder, each after those that it refers to.

    Raises :class:`ContractError` on a name that does not exist, and on a circle.
    """
    texts = {path.stem: path.read_text() for path in sorted(folder.glob("*.sql"))}
    marts = {name: _mart(name, text, set(texts)) for name, text in texts.items()}
    try:
        order = TopologicalSorter({name: mart.refs for name, mart in marts.items()}).static_order()
        return [marts[name] for name in order]
    except CycleError as error:
        raise ContractError(f"marts refer to each other in a circle: {error.args[1]}") from error


def build_marts(warehouse: Warehouse, folder: Path = FOLDER) -> dict[str, int]:
    """Build all marts; their names and numbers of rows."""
    marts = read_marts(folder)
    warehouse.create_all()
    statements = [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"]
    statements += [
        f"CREATE OR REPLACE TABLE {SCHEMA}.{mart.name} AS {mart.query}" for mart in marts
    ]
    warehouse.execute(statements)
    return {
        mart.name: warehouse.query(f"SELECT count(*) AS n FROM {SCHEMA}.{mart.name}")["n"][0]
        for mart in marts
    }


def _mart(name: str, text: str, known: set[str]) -> Mart:
    refs: set[str] = set()

    def resolve(found: re.Match[str]) -> str:
        kind, target = found.groups()
        if kind == "source" and target in tables():
            return f'main."{target}"'
        if kind == "ref" and target in known:
            refs.add(target)
            return f"{SCHEMA}.{target}"
        raise ContractError(f"{name}.sql: there is no {kind} {target!r}")

    query = PLACEHOLDER.sub(resolve, text)
    first = text.splitlines()[0] if text else ""
    return Mart(name, first.removeprefix("--").strip(), query, frozenset(refs))
