"""The dates and tickers that are stored, for every asset's table and for option chains."""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.tables import ASSET_TABLES, CHAIN_TABLES, EVENT_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import OPTION_CHAIN, QUARANTINE, RAW_OHLCV, Table
from options_platform.contracts.market import SET_ASIDE
from options_platform.domain.market.coverage import freshness
from options_platform.settings import Settings

LISTED_TABLES = (*ASSET_TABLES, *CHAIN_TABLES, *EVENT_TABLES)


def stored_keys(settings: Settings, warehouse: Warehouse, table: Table) -> pl.DataFrame:
    """`date` and `ticker` of the stored rows of a table, for the settings' tickers.

    For `option_chain` one row per chain.
    """
    if table is not OPTION_CHAIN:
        return warehouse.read(table, columns=KEY, tickers=settings.tickers)
    keys = ChainStore(settings.chains_path).stored(tickers=settings.tickers)
    return pl.DataFrame(keys, schema={"date": pl.Date, "ticker": pl.String}, orient="row")


def without_bars(warehouse: Warehouse, settings: Settings) -> pl.DataFrame:
    """The tickers without a good bar of the newest stored session: ticker, last, sessions_behind.

    `last` is the session of the ticker's newest good bar; both are null without any.
    """
    bars = warehouse.read(
        RAW_OHLCV, columns=[*KEY, "close", "fetched_at"], tickers=settings.tickers
    )
    if bars.is_empty():
        return freshness(bars, (), date.max).drop("fetched_at")
    newest: date = bars["date"].max()  # type: ignore[assignment]
    behind = freshness(bars, settings.tickers, newest).drop("fetched_at")
    return behind.filter(pl.col("sessions_behind").fill_null(1) > 0)


def open_entries(warehouse: Warehouse) -> tuple[int, int]:
    """Numbers of undecided entries of the quarantine: rows set aside, and warnings."""
    entries = warehouse.read(QUARANTINE, columns=["date", "severity", "status"])
    still_open = entries.filter(pl.col("status") == "open")
    aside = still_open.filter(pl.col("severity") == SET_ASIDE).height
    return aside, still_open.height - aside
