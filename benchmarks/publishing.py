"""Cost of the published copy: what a run pays for it, and what readers gain.

A home of 20 years of features, bars and plans is published whole, after a run of one session, and
after a change of the ledger alone. The peer is a copy of the whole database file, which a reader
without published versions would need. Reads of the copy are measured against those of the store.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from benchmarks.features import by_package
from benchmarks.warehouse import timed
from options_platform.adapters.storage.changes import HOME_FILE
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.published.publishing import publish
from options_platform.adapters.storage.published.tables import PublishedWarehouse
from options_platform.adapters.storage.published.versions import Version
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX, Table
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.testing.market import random_market

Frames = Sequence[tuple[Table, pl.DataFrame]]


def copied(home: Path) -> None:
    """Copy the whole warehouse through to the disk, as a backup would."""
    target = home / "copy"
    shutil.copyfile(home / "warehouse.duckdb", target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    target.unlink()


def bytes_of(version: Version, *, shared_with: Version | None = None) -> int:
    """The size of a version's files, or of those that it does not share with another one."""
    others = set()
    if shared_with is not None:
        others = {path.stat().st_ino for path in shared_with.folder.rglob("*.parquet")}
    files = [path.stat() for path in version.folder.rglob("*.parquet")]
    return sum(file.st_size for file in files if file.st_ino not in others)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickers", type=int, default=10)
    options = parser.parse_args()
    tickers = [f"T{number}" for number in range(options.tickers)]
    bars, vix = random_market(tickers, date(2005, 1, 3), date(2024, 12, 31))
    features = by_package(bars, vix)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / HOME_FILE).write_text("{}")
        warehouse, ledger = Warehouse(home / "warehouse.duckdb"), Ledger(home / "ledger.duckdb")
        warehouse.write([(FEATURES_TABLE, features), (RAW_OHLCV, bars), (VIX, vix)])
        ledger.keep("note", "0", datetime.now(UTC))
        print(f"{features.height} rows of features, {options.tickers} tickers")
        print(f"warehouse {(home / 'warehouse.duckdb').stat().st_size / 1e6:.1f} MB")
        _measure(home, warehouse, ledger, [(FEATURES_TABLE, features), (RAW_OHLCV, bars)])


def _measure(home: Path, warehouse: Warehouse, ledger: Ledger, frames: Frames) -> None:
    def run_of_one_session() -> None:
        newest = pl.col("date") == pl.col("date").max()
        other = pl.col("^(close|macd)$") * 1.01
        warehouse.write([(t, rows.filter(newest).with_columns(other)) for t, rows in frames])

    def nothing() -> None:
        # Looks like another file, as after a restore: every row is compared.
        os.utime(warehouse.path)

    versions = []

    def publishing() -> None:
        versions.append(publish(home, wait_seconds=60))

    measured = {"copy of the whole file": timed(lambda: copied(home))}
    measured["publish, first"] = timed(publishing)
    changes: dict[str, Callable[[], None]] = {
        "publish, after one session": run_of_one_session,
        "publish, after the ledger alone": lambda: ledger.keep("note", "1", datetime.now(UTC)),
        "publish, nothing changed": nothing,
    }
    for name, change in changes.items():
        change()
        measured[name] = timed(publishing)
    copy = PublishedWarehouse(warehouse.path, versions[-1])
    measured["read features, store"] = timed(lambda: warehouse.read(FEATURES_TABLE))
    measured["read features, copy"] = timed(lambda: copy.read(FEATURES_TABLE))
    first, second = versions[0], versions[1]
    more = bytes_of(second, shared_with=first) / 1e6
    print(f"copy {bytes_of(first) / 1e6:.1f} MB, and {more:.1f} MB more after one session\n")
    peer = measured["copy of the whole file"][1]
    print(f"{'':32} {'CPU s':>8} {'wall s':>8} {'/ copy of the file':>20}")
    for name, (cpu, wall) in measured.items():
        print(f"{name:32} {cpu:8.3f} {wall:8.3f} {wall / peer:20.1f}")


if __name__ == "__main__":
    main()
