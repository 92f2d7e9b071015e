"""Do two homes hold the same rows? Every table of every database, and every option chain.

`python -m tools.compare_homes BEFORE AFTER` compares rows both ways, in every column but those of
:data:`MADE_ANEW`, prints a line for each table, and exits with 1 where anything differs. It reads
both homes and writes neither; nothing may run in them meanwhile.
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
    """A table, and rows of it that one home has and the other lacks."""

    table: str
    text: str


def compare(before: Path, after: Path, *, every_column: bool = False) -> Iterator[str | Difference]:
    """A sentence for each table that is the same in both homes, a difference for each other.

    Args:
        before: a home.
        after: another one.
        every_column: whether the columns of :data:`MADE_ANEW` must agree as well, as they do in a
            home and its copy.

    Raises :class:`FileNotFoundError` where a home holds no database.
    """
    left_out = frozenset() if every_column else MADE_ANEW
    for home in (before, after):
        if not any(home.glob("*.duckdb")):
            raise FileNotFoundError(f"{home} holds no database, so it is no home")
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
    """Types by column by table, tables as `"schema"."name"`."""
    rows = connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND NOT internal ORDER BY ALL",
        [alias],
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in rows:
        found.setdefault(f'"{schema}"."{table}"', {})[column] = kind
    return found


def _rows(
    connection: duckdb.DuckDBPyConnection, name: str, table: str, columns: list[str]
) -> str | Difference:
    listed = ", ".join(f'"{column}"' for column in columns)
    one_way = "SELECT {0} FROM {1}.{3} EXCEPT ALL SELECT {0} FROM {2}.{3}"
    gone = connection.execute(one_way.format(listed, "before", "after", table)).fetchall()
    new = connection.execute(one_way.format(listed, "after", "before", table)).fetchall()
    if gone or new:
        shown = "".join(f"\n  - {row}" for row in gone[:SHOWN])
        shown += "".join(f"\n  + {row}" for row in new[:SHOWN])
        return Difference(name, f"{len(gone)} rows before alone, {len(new)} after alone{shown}")
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
    """Compare two homes; 0 where they hold the same rows, 1 where they do not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument(
        "--every-column", action="store_true", help="compare clock times and run ids as well"
    )
    asked = parser.parse_args(arguments)
    differences = 0
    for found in compare(asked.before, asked.after, every_column=asked.every_column):
        if isinstance(found, Difference):
            differences += 1
            print(f"DIFFERS {found.table}: {found.text}")
        else:
            print(f"same    {found}")
    print("no difference" if differences == 0 else f"{differences} differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
