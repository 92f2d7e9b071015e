"""CPU time to update `raw_ohlcv` and `vix` from csv: 25 years of ten tickers, and one day more.

The peer reads, cleans and aligns the same files with plain pandas, without rules for outliers,
quarantine, revisions or a database. Dagster's bookkeeping has a separate benchmark.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from options_platform.adapters.sources.files.folder import CsvSource
from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.services.market_data.bars import UpdateRequest, update_bars
from options_platform.services.market_data.indices import update_indices

TICKERS = tuple(f"T{index:02d}" for index in range(10))
FIRST, LAST = date(2000, 1, 3), date(2024, 12, 31)
NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
GOAL_SECONDS = 5.0


def write_files(folder: Path) -> None:
    source = SimulatedSource(7)
    columns = ["date", "open", "high", "low", "close", "adj_close", "volume"]
    for ticker in TICKERS:
        source.bars(ticker, FIRST, LAST).select(columns).write_csv(folder / f"{ticker}.csv")
    index = source.index_bars("VIX", FIRST, LAST).select(columns[:5])
    index.write_csv(folder / "VIX.csv")


def ours(folder: Path, warehouse: Warehouse, start: date, end: date) -> None:
    source = CsvSource(str(folder))
    request = UpdateRequest(start, end, TICKERS, FIRST, overlap=10)
    warehouse.write(update_bars(source, warehouse, request, NOW).frames(RAW_OHLCV))
    symbols = dict.fromkeys(TICKERS, "VIX")
    warehouse.write(update_indices(source, warehouse, request, symbols, NOW).frames(VIX))


def pandas_peer(folder: Path) -> int:
    days = pd.DatetimeIndex(sessions(FIRST, LAST))
    index = pd.read_csv(folder / "VIX.csv", parse_dates=["date"]).set_index("date")["close"]
    index = index.reindex(days).ffill(limit=1)
    prices, rows = ["open", "high", "low", "close"], 0
    for ticker in TICKERS:
        bars = pd.read_csv(folder / f"{ticker}.csv", parse_dates=["date"])
        bars = bars.drop_duplicates().set_index("date").reindex(days)
        bad = bars[prices].isna().any(axis=1) | (bars[prices] <= 0).any(axis=1)
        bad |= (bars["high"] < bars[prices].max(axis=1)) | (bars["low"] > bars[prices].min(axis=1))
        bars.loc[bad, prices] = float("nan")
        rows += len(bars.assign(vix=index, ticker=ticker))
    return rows


def cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        warehouse = Warehouse(folder / "w.duckdb")
        peer = min(cpu_seconds(lambda: pandas_peer(folder)) for _ in range(3))
        whole = cpu_seconds(lambda: ours(folder, warehouse, FIRST, shift(LAST, -1)))
        day = cpu_seconds(lambda: ours(folder, warehouse, LAST, LAST))
        again = cpu_seconds(lambda: ours(folder, warehouse, FIRST, LAST))
    print(f"{len(TICKERS)} tickers, {len(sessions(FIRST, LAST))} sessions     CPU s   x pandas")
    for label, seconds in (
        ("pandas, read and clean", peer),
        ("first backfill", whole),
        ("one day more", day),
        ("backfill again", again),
    ):
        print(f"{label:28} {seconds:8.2f} {seconds / peer:10.2f}")
    print(f"goal: at most {GOAL_SECONDS:g} s: {'met' if whole <= GOAL_SECONDS else 'MISSED'}")


if __name__ == "__main__":
    main()
