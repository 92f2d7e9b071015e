"""What is stored of a ticker that its reports are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.market.index_series import iv_basis_of
from options_platform.services.market_data.platform import Platform

MARKET = "SPY"
BAR_COLUMNS = ("date", "ticker", "open", "close", "volume")


@dataclass(frozen=True)
class StoredSeries:
    """One ticker up to a day: good bars (date, open, close, volume), its own volatility (date, iv
    and vix in index points; None where it is priced on another index or on a model), closes of
    the VIX, and closes of SPY (None if the home has none)."""

    bars: pl.DataFrame
    volatility: pl.DataFrame | None
    vix: pl.DataFrame
    market: pl.DataFrame | None


def stored_series(platform: Platform, tickers: Sequence[str], end: date) -> dict[str, StoredSeries]:
    """The series of each ticker up to `end`."""
    warehouse = platform.warehouse
    bars = _bars(warehouse, [*tickers, MARKET], end)
    index = warehouse.read(VIX, tickers=tickers, end=end)
    market = bars.filter(pl.col("ticker") == MARKET).select("date", "close")
    made = {}
    for ticker in tickers:
        of_ticker = index.filter(pl.col("ticker") == ticker)
        made[ticker] = StoredSeries(
            bars.filter(pl.col("ticker") == ticker).drop("ticker"),
            own_volatility(of_ticker),
            of_ticker.select("date", "vix").drop_nulls(),
            market if market.height else None,
        )
    return made


def own_volatility(index: pl.DataFrame) -> pl.DataFrame | None:
    """Date, iv and vix of the sessions with a close of the ticker's own index or chains.

    `index` are its rows of `vix`. None without any; a modelled volatility is not its own.
    """
    basis = iv_basis_of(pl.col("ticker"), pl.col("iv_symbol"))
    own = index.filter(
        basis.is_in(["own", "chain"]) & pl.col("iv_close").is_not_null() & (pl.col("iv_age") == 0)
    )
    return None if own.is_empty() else own.select("date", iv="iv_close", vix="vix").sort("date")


def _bars(warehouse: Warehouse, tickers: Sequence[str], end: date) -> pl.DataFrame:
    bars = warehouse.read(RAW_OHLCV, columns=BAR_COLUMNS, tickers=list(tickers), end=end)
    return bars.filter(pl.col("close").is_not_null() & pl.col("volume").is_not_null()).sort(
        "ticker", "date"
    )
