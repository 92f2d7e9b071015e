"""A small home with a warehouse and a ledger, to publish."""

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl

from options_platform.adapters.storage.changes import HOME_FILE
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.published.publishing import publish
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.testing.market import random_market

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BARS, INDEX = random_market()


def make_home(home):
    home.mkdir()
    (home / HOME_FILE).write_text("{}")
    warehouse = warehouse_of(home)
    warehouse.write([(RAW_OHLCV, BARS), (VIX, INDEX)])
    ledger_of(home).keep("note", "first", NOW)
    return home


def warehouse_of(home):
    return Warehouse(home / "warehouse.duckdb", wait_seconds=10)


def ledger_of(home):
    return Ledger(home / "ledger.duckdb", wait_seconds=10)


def published(home):
    return publish(home, wait_seconds=10)


def add_to_bars(home, by=1.0):
    """Change the close of each bar of the newest year."""
    newest = BARS.filter(pl.col("date").dt.year() == BARS["date"].dt.year().max())
    rows = newest.with_columns(pl.col("close") + by)
    warehouse_of(home).write([(RAW_OHLCV, rows)])


def inodes(version):
    return {
        file["path"]: (version.folder / file["path"]).stat().st_ino
        for table in version.manifest["tables"]
        for file in table["files"]
    }


@contextmanager
def another_process(code, *arguments):
    """A process that runs the code, once it has printed a line, until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
