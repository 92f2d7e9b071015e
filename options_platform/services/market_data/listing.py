"""Which tickers have begun: a bar by a session, or none though the source was asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import FETCHES, RAW_OHLCV
from options_platform.domain.calendar.sessions import FIRST_DAY


def first_bars(warehouse: Warehouse, tickers: Sequence[str]) -> dict[str, date]:
    """The date of each ticker's first stored row of `raw_ohlcv`."""
    keys = warehouse.read(RAW_OHLCV, columns=KEY, tickers=tickers)
    return dict(keys.group_by("ticker").agg(pl.col("date").min()).iter_rows())


def asked_until(warehouse: Warehouse, tickers: Sequence[str]) -> dict[str, date]:
    """The newest session that the source was asked for, of each ticker that it was asked about."""
    fetches = warehouse.read(FETCHES, columns=["table", "ticker", "end"], tickers=tickers)
    fetches = fetches.filter(pl.col("table") == RAW_OHLCV.name)
    return dict(fetches.group_by("ticker").agg(pl.col("end").max()).iter_rows())


def unlisted(warehouse: Warehouse, tickers: Sequence[str], end: date) -> tuple[str, ...]:
    """The tickers that have no bar up to `end`, although the source was asked for it.

    One that was never asked about is none of them: its rows are missing.
    """
    firsts, asked = first_bars(warehouse, tickers), asked_until(warehouse, tickers)
    return tuple(
        ticker
        for ticker in tickers
        if firsts.get(ticker, date.max) > end and asked.get(ticker, FIRST_DAY) >= end
    )


def listed_pool(warehouse: Warehouse, pool: Sequence[str], end: date) -> tuple[str, ...]:
    """`pool` without the tickers that are not listed by `end`: those that must have rows."""
    absent = unlisted(warehouse, pool, end)
    return tuple(ticker for ticker in pool if ticker not in absent)
