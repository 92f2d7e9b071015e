"""Cost of the warehouse's guarantees: writing and reading 20 years of features.

`Warehouse.write` validates against the contract and replaces partitions in one transaction. Its
peers are DuckDB alone (the same rows into a table without keys or checks, as a lower bound) and
one transaction per partition, as with a partitioned IO manager.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.features import by_package, make_market
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.domain.features.table import FEATURES_TABLE


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def duckdb_alone(path: Path, rows: pl.DataFrame) -> None:
    """Insert the rows without checks or keys."""
    with duckdb.connect(str(path)) as connection:
        connection.register("incoming", rows.to_arrow())
        connection.execute("CREATE OR REPLACE TABLE features AS SELECT * FROM incoming")


def partition_by_partition(path: Path, rows: pl.DataFrame) -> None:
    """One transaction and one opened file per partition, as a partitioned IO manager does."""
    for (day, ticker), part in rows.group_by("date", "ticker", maintain_order=True):
        with duckdb.connect(str(path)) as connection:
            connection.execute("BEGIN")
            connection.execute(
                "DELETE FROM features WHERE date = ? AND ticker = ?", [day, str(ticker)]
            )
            connection.register("incoming", part.to_arrow())
            connection.execute("INSERT INTO features BY NAME SELECT * FROM incoming")
            connection.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickers", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--slow-partitions", type=int, default=200)
    options = parser.parse_args()
    rows = by_package(*make_market(options.tickers, options.sessions))
    few = rows.head(options.slow_partitions)
    with tempfile.TemporaryDirectory() as folder:
        alone, ours = Path(folder) / "alone.duckdb", Path(folder) / "ours.duckdb"
        warehouse = Warehouse(ours)
        tickers = tuple(rows["ticker"].unique())
        days: list[date] = rows["date"].unique().sort().to_list()
        scope = PartitionRange(days[0], days[-1], tickers)
        measured = {
            "DuckDB alone, write": (rows.height, timed(lambda: duckdb_alone(alone, rows))),
            "Warehouse, first write": (
                rows.height,
                timed(lambda: warehouse.write([(FEATURES_TABLE, rows)], scope=scope)),
            ),
            "Warehouse, replace all": (
                rows.height,
                timed(lambda: warehouse.write([(FEATURES_TABLE, rows)], scope=scope)),
            ),
            "one per partition": (
                few.height,
                timed(lambda: partition_by_partition(alone, few)),
            ),
            "Warehouse, read all": (rows.height, timed(lambda: warehouse.read(FEATURES_TABLE))),
        }
    floor = measured["DuckDB alone, write"][1][1] / rows.height
    print(f"{rows.height} rows of {len(rows.columns)} columns\n")
    print(f"{'':26} {'CPU us':>8} {'wall us':>8} {'/ DuckDB alone':>16}   per row")
    for name, (count, (cpu, wall)) in measured.items():
        print(
            f"{name:26} {1e6 * cpu / count:8.1f} {1e6 * wall / count:8.1f} "
            f"{wall / count / floor:16.1f}"
        )


if __name__ == "__main__":
    main()
