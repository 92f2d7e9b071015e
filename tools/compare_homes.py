"""Compares the rows of two homes: every table of every database, and every option chain.

`python -m tools.compare_homes BEFORE AFTER` compares rows both ways, in every column except those
of :data:`MADE_ANEW`, prints a line per table, and exits with 1 if anything differs. It only reads
both homes; nothing may run in them meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

MADE_ANEW = frozenset(
    {
        "decided_at", "fetched_at", "path", "placed_at", "recorded_at", "run_id", "seen_at",
        "sent_at", "since", "trained_seconds", "tried_at", "updated_at",
    }
)  # fmt: skip
"""Clock times, durations and ids of MLflow runs: two homes never share them."""
SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """A table that differs, and how."""

    table: str
    text: str


def compare(before: Path, after: Path, *, every_column: bool = False) -> Iterator[str | Difference]:
    """A sentence for each table that is the same in both homes, a difference for each other one.

    Args:
        before: a home.
        after: another home.
        every_column: whether to compare the columns of :data:`MADE_ANEW` as well; they agree in a
            home and its copy.

    Raises :class:`FileNotFoundError` if a home has no database.
    """
    left_out = frozenset() if every_column else MADE_ANEW
    for home in (before, after):
        if not any(home.glob("*.duckdb")):
            raise FileNotFoundError(f"{home} has no database, so it is not a home")
    for name in sorted({path.name for home in (before, after) for path in home.glob("*.duckdb")}):
        pair = before / name, after / name
        missing = [str(path) for path in pair if not path.exists()]
        if missing:
            yield Difference(name, f"{', '.join(missing)} is missing")
        else:
            yield from _databases(*pair, left_out)
    yield from _chains(before, after, left_out)


def _databases(before: Path, after: Path, left_out: frozenset[str]) -> Iterator[str | Difference]:
    with duckdb.connect() as connection:
        for alias, path in (("before", before), ("after", after)):
            quoted = str(path).replace("'", "''")
            connection.execute(f"ATTACH '{quoted}' AS {alias} (READ_ONLY)")
        columns = {alias: _columns(connection, alias) for alias in ("before", "after")}
        for table in sorted(columns["before"].keys() | columns["after"].keys()):
            name = f"{before.name} {table}"
            first, second = columns["before"].get(table), columns["after"].get(table)
            if first != second:
                yield Difference(name, f"columns: {first} before, {second} after")
                continue
            compared = [column for column in first or {} if column not in left_out]
            yield _rows(connection, name, table, compared)


def _columns(connection: duckdb.DuckDBPyConnection, alias: str) -> dict[str, dict[str, str]]:
    """Types by table and column; tables as `"schema"."name"`."""
    rows = connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND NOT internal ORDER BY ALL",
        [alias],
    ).fetchall()
    types: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in rows:
        types.setdefault(f'"{schema}"."{table}"', {})[column] = kind
    return types


def _rows(
    connection: duckdb.DuckDBPyConnection, name: str, table: str, columns: list[str]
) -> str | Difference:
    listed = ", ".join(f'"{column}"' for column in columns)
    one_way = "SELECT {0} FROM {1}.{3} EXCEPT ALL SELECT {0} FROM {2}.{3}"
    removed = connection.execute(one_way.format(listed, "before", "after", table)).fetchall()
    added = connection.execute(one_way.format(listed, "after", "before", table)).fetchall()
    if removed or added:
        shown = "".join(f"\n  - {row}" for row in removed[:SHOWN])
        shown += "".join(f"\n  + {row}" for row in added[:SHOWN])
        return Difference(name, f"{len(removed)} rows only before, {len(added)} only after{shown}")
    count = connection.execute(f"SELECT count(*) FROM before.{table}").fetchall()[0][0]
    return f"{name}: {count} rows, {len(columns)} columns"


def _chains(before: Path, after: Path, left_out: frozenset[str]) -> Iterator[str | Difference]:
    names = {
        path.relative_to(home).as_posix()
        for home in (before, after)
        for path in home.glob("chains/**/*.parquet")
    }
    same = 0
    for name in sorted(names):
        pair = before / name, after / name
        missing = [str(path) for path in pair if not path.exists()]
        if missing:
            yield Difference(name, f"{missing[0]} is missing")
            continue
        first, second = (pl.read_parquet(path).drop(left_out, strict=False) for path in pair)
        if first.schema != second.schema or not first.equals(second):
            yield Difference(name, "other columns or rows")
        else:
            same += 1
    if same:
        yield f"chains: {same} files"


def main(arguments: list[str] | None = None) -> int:
    """Compare two homes; 0 if they have the same rows, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument(
        "--every-column", action="store_true", help="compare clock times and run ids as well"
    )
    options = parser.parse_args(arguments)
    differences = 0
    for result in compare(options.before, options.after, every_column=options.every_column):
        if isinstance(result, Difference):
            differences += 1
            print(f"DIFFERS {result.table}: {result.text}")
        else:
            print(f"same    {result}")
    print("no difference" if differences == 0 else f"{differences} differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
