"""The limits that stages of a backfill are held against: what the same work costs done barely.

Bookkeeping: as many rows into SQLite in one transaction. Features and labels: one pass of NumPy
over the rows for each column. Models: the fits themselves, as each fold recorded its time.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import LABELS, MODEL_FOLDS, Table
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.settings import Settings

ROW_BYTES = 400
"""Of an event that says what differs between partitions: key, time, code and link."""
MODELS = {
    "direction_model": "direction",
    "volatility_model": "volatility",
    "earnings_forecast": "earnings_move",
}


@dataclass(frozen=True)
class Limit:
    """CPU seconds below which a stage cannot be, and what takes them."""

    seconds: float
    what: str


def bookkeeping_limit(rows: int) -> Limit:
    """A bulk insert of `rows` rows, in a database of its own."""
    text = "x" * ROW_BYTES
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "rows.db")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, key TEXT, event TEXT)")
        events = ((f"{row:08}", text) for row in range(rows))
        seconds = _cpu(
            lambda: connection.executemany("INSERT INTO rows (key, event) VALUES (?, ?)", events)
        )
        connection.close()
    return Limit(seconds, "bulk insert into SQLite")


def limits_of(settings: Settings) -> dict[str, Limit]:
    """The limits of a home's stages, by asset."""
    warehouse = Warehouse(settings.warehouse_path)
    limits = {
        table.name: Limit(_passes(warehouse, table), "a pass of NumPy a column")
        for table in (FEATURES_TABLE, LABELS)
    }
    folds = warehouse.read(MODEL_FOLDS)
    for asset, model in MODELS.items():
        of_model = folds.filter(pl.col("model") == model)
        if of_model.height:
            seconds = float(of_model["trained_seconds"].sum())
            limits[asset] = Limit(seconds, f"the fits of {of_model.height} folds, wall time")
    return limits


def _passes(warehouse: Warehouse, table: Table) -> float:
    stored = warehouse.read(table)
    numbers = stored.select(pl.selectors.numeric().cast(pl.Float64).fill_null(0.0))
    columns = [np.array(column.to_numpy()) for column in numbers]
    return _cpu(lambda: [np.cumsum(column) for column in columns])


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
