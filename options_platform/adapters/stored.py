"""Which dates and tickers are stored, of every asset's table, the option chains' files included."""

from __future__ import annotations

import polars as pl

from options_platform.adapters.chain_store import ChainStore
from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import (
    ASSET_TABLES,
    CHAIN_TABLES,
    EARNINGS,
    OPTION_CHAIN,
    QUARANTINE,
    Table,
)
from options_platform.contracts.market import SET_ASIDE
from options_platform.settings import Settings

LISTED_TABLES = (*ASSET_TABLES, *CHAIN_TABLES, EARNINGS)
KEY = ["date", "ticker"]


def stored_keys(settings: Settings, warehouse: Warehouse, table: Table) -> pl.DataFrame:
    """`date` and `ticker` of the rows of one of the listed tables, of the settings' tickers.

    Of `option_chain` a row a chain, of the others a row a row.
    """
    if table is not OPTION_CHAIN:
        return warehouse.read(table, columns=KEY, tickers=settings.tickers)
    found = ChainStore(settings.chains_path).stored(tickers=settings.tickers)
    return pl.DataFrame(found, schema={"date": pl.Date, "ticker": pl.String}, orient="row")


def open_entries(warehouse: Warehouse) -> tuple[int, int]:
    """How many rows of the quarantine nobody has decided on: those set aside, and warnings."""
    entries = warehouse.read(QUARANTINE, columns=["date", "severity", "status"])
    still_open = entries.filter(pl.col("status") == "open")
    aside = still_open.filter(pl.col("severity") == SET_ASIDE).height
    return aside, still_open.height - aside
