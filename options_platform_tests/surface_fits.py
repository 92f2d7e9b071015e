"""Rows of `surface_fit` as the measuring of stored real chains writes them."""

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import SURFACE_FIT, TRADE_PLAN


def surface_fits(surface, fits):
    """Rows of `surface_fit` with the smile of the class.

    `surface` are the rules; `fits` are (session, ticker, level, whether it is adopted).
    """
    rows = []
    for day, ticker, level, is_adopted in fits:
        smile = surface.smile_of(ticker)
        rows.append(
            {"date": day, "ticker": ticker, "c": smile.c, "p": smile.p, "q": smile.q,
             "rho": smile.rho, "wing": smile.wing, "level": level, "n_sessions": 3, "n_months": 2,
             "n_quotes": 240, "n_chains": 3, "is_adopted": is_adopted}
        )  # fmt: skip
    return pl.DataFrame(rows, schema=SURFACE_FIT.schema)


def adopt_fits(settings, levels=(1.3, 0.85)):
    """Write a fit of each ticker that is adopted at the first trade, and one halfway from there."""
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    plans = warehouse.read(TRADE_PLAN).filter(pl.col("decision") == "trade")
    days = plans["date"].unique().sort()
    sessions = (days[0], days[len(days) // 2])
    fits = [
        (day, ticker, level, True)
        for day, level in zip(sessions, levels, strict=True)
        for ticker in settings.tickers
    ]
    warehouse.write([(SURFACE_FIT, surface_fits(settings.plan.chain.surface, fits))])
