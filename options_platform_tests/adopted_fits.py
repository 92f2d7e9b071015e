"""A home whose tickers are priced by fits of their own."""

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import SURFACE_FIT, TRADE_PLAN
from options_platform_tests.surface_fits import measured_rows


def adopt_fits(settings, levels=(1.3, 0.85)):
    """Write a fit of each ticker that is adopted at the first trade, and one halfway from there."""
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    plans = warehouse.read(TRADE_PLAN).filter(pl.col("decision") == "trade")
    days = plans["date"].unique().sort()
    rows = [
        {"date": day, "ticker": ticker, "level": level, "is_adopted": True}
        for day, level in zip((days[0], days[len(days) // 2]), levels, strict=True)
        for ticker in settings.tickers
    ]
    warehouse.write([(SURFACE_FIT, measured_rows(settings, warehouse, rows))])
