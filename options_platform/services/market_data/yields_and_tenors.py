"""Updates and reads yields and the tenors of the VIX; reads stored dividends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import CORPORATE_ACTIONS, MARKET_SERIES, RAW_OHLCV
from options_platform.contracts.market import SERIES
from options_platform.domain.calendar.sessions import LAST_DAY, sessions
from options_platform.domain.chain.term_structure import SHORT_RATE, TENORS, short_rates
from options_platform.domain.market.odd_splits import odd_splits

YIELD = "DGS3MO"


def update_series(
    source: MarketDataSource, warehouse: Warehouse, first: date, last: date, now: datetime
) -> dict[str, int]:
    """Store the source's values of `SERIES` from `first` to `last`; returns new rows by symbol.

    Values that are stored already are not written again; days without a finite value are left out.
    """
    written: dict[str, int] = {}
    stored = warehouse.read(MARKET_SERIES, columns=["symbol", "date", "value"])
    for symbol in (name for name in SERIES if name in source.info.series):
        closes = source.index_bars(symbol, first, last)
        rows = (
            closes.filter(pl.col("close").is_finite())
            .unique("date", keep="first", maintain_order=True)
            .select("symbol", "date", value="close", source="source")
            .join(stored, on=["symbol", "date", "value"], how="anti")
            .with_columns(fetched_at=pl.lit(now))
        )
        warehouse.upsert(MARKET_SERIES, rows.cast(dict(MARKET_SERIES.schema)))  # type: ignore[arg-type]
        written[symbol] = rows.height
    return written


def stored_yields(warehouse: Warehouse) -> pl.DataFrame | None:
    """date and yield_pct (per cent a year) of the 3-month Treasury yield; None if not stored."""
    rows = warehouse.read(MARKET_SERIES, columns=["symbol", "date", "value"])
    yields = rows.filter(pl.col("symbol") == YIELD).select("date", yield_pct="value").sort("date")
    return None if yields.is_empty() else yields


def stored_tenors(warehouse: Warehouse) -> pl.DataFrame | None:
    """date, vix9d, vix3m and vix6m (index points), and short_rate (annual fraction).

    Unknown values are null; the rate is carried over sessions without one. None if nothing is
    stored.
    """
    rows = warehouse.read(MARKET_SERIES, columns=["symbol", "date", "value"])
    rows = rows.with_columns(pl.col("symbol").str.to_lowercase())
    tenors = rows.filter(pl.col("symbol").is_in(TENORS))
    rates = _short_rates(warehouse)
    if tenors.is_empty():
        if rates is None:
            return None
        return rates.with_columns(**_unknown(TENORS)).select("date", *TENORS, SHORT_RATE)
    wide = tenors.pivot("symbol", index="date", values="value")
    missing = [name for name in TENORS if name not in wide.columns]
    wide = wide.with_columns(**_unknown(missing))
    if rates is None:
        wide = wide.with_columns(**_unknown([SHORT_RATE]))
    else:
        wide = wide.join(rates, on="date", how="full", coalesce=True)
    return wide.select("date", *TENORS, SHORT_RATE).sort("date")


def stored_dividends(
    warehouse: Warehouse, tickers: Sequence[str] | None = None, end: date | None = None
) -> pl.DataFrame:
    """date, ticker and dividend (USD per share, split-adjusted) of all stored bars up to `end`."""
    columns = ["date", "ticker", "dividend"]
    rows = warehouse.read(RAW_OHLCV, columns=columns, tickers=tickers, end=end)
    return rows.filter(pl.col("dividend") > 0)


def stored_odd_splits(warehouse: Warehouse, tickers: Sequence[str] | None = None) -> pl.DataFrame:
    """ticker and odd_split_on of all stored splits that are not whole, announced ones included."""
    columns = ["date", "ticker", "split_ratio"]
    return odd_splits(warehouse.read(CORPORATE_ACTIONS, columns=columns, tickers=tickers))


def _short_rates(warehouse: Warehouse) -> pl.DataFrame | None:
    yields = stored_yields(warehouse)
    if yields is None:
        return None
    days = pl.Series("date", sessions(yields["date"][0], LAST_DAY))
    return short_rates(days, yields).drop_nulls(SHORT_RATE).select("date", SHORT_RATE)


def _unknown(names: Iterable[str]) -> dict[str, pl.Expr]:
    return {name: pl.lit(None, pl.Float64) for name in names}
