"""A warehouse that is brought up to date from a scripted source."""

from datetime import UTC, datetime, timedelta

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    RAW_OHLCV,
    VIX,
)
from options_platform.services.market_data.bars import UpdateRequest, update_bars
from options_platform.services.market_data.indices import update_indices
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource, changed

NOW = datetime(2024, 4, 2, 12, tzinfo=UTC)
VALUES = [name for name in RAW_OHLCV.schema.names() if name != "fetched_at"]


class Market:
    """A warehouse that is brought up to date from a scripted source."""

    def __init__(self, folder, *tickers):
        self.source = ScriptedSource(*tickers)
        self.warehouse = Warehouse(folder / "w.duckdb", wait_seconds=5)
        self.now = NOW
        self.second = None

    def run(self, start=FIRST, end=LAST, tickers=("SPY",), overlap=10):
        self.now += timedelta(days=1)
        self.source.forget()
        asked = UpdateRequest(start, end, tuple(tickers), FIRST, overlap)
        update = update_bars(self.source, self.warehouse, asked, self.now, second=self.second)
        if len(update.failures) == len(tickers):
            raise next(iter(update.failures.values()))
        self.warehouse.write(update.frames(RAW_OHLCV))
        return update

    def run_index(self, start=FIRST, end=LAST, tickers=("SPY",), overlap=10):
        self.source.forget()
        asked = UpdateRequest(start, end, tuple(tickers), FIRST, overlap)
        symbols = dict.fromkeys(tickers, "VIX")
        update = update_indices(self.source, self.warehouse, asked, symbols, self.now)
        self.warehouse.write(update.frames(VIX))
        return update

    def set_bar(self, day, ticker="SPY", **values):
        self.source.history[ticker] = changed(self.source.history[ticker], day, **values)

    def rows(self, table=RAW_OHLCV, **columns):
        frame = self.warehouse.read(table)
        for name, value in columns.items():
            frame = frame.filter(pl.col(name) == value)
        return frame
