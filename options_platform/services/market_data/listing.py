"""Which tickers are listed by a session, judged from stored bars and requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import FETCHES, RAW_OHLCV
from options_platform.domain.calendar.sessions import FIRST_DAY
from options_platform.services.market_data.failed_tickers import withheld


def first_bars(warehouse: Warehouse, tickers: Sequence[str]) -> dict[str, date]:
    """The date of each ticker's first stored row of `raw_ohlcv`; absent without rows."""
    keys = warehouse.read(RAW_OHLCV, columns=KEY, tickers=tickers)
    return dict(keys.group_by("ticker").agg(pl.col("date").min()).iter_rows())


def asked_until(warehouse: Warehouse, tickers: Sequence[str]) -> dict[str, date]:
    """The newest session that bars were requested for, by ticker; others are absent."""
    fetches = warehouse.read(FETCHES, columns=["table", "ticker", "end"], tickers=tickers)
    fetches = fetches.filter(pl.col("table") == RAW_OHLCV.name)
    return dict(fetches.group_by("ticker").agg(pl.col("end").max()).iter_rows())


def unlisted(warehouse: Warehouse, tickers: Sequence[str], end: date) -> tuple[str, ...]:
    """The tickers without a bar up to `end`, although the source was asked for it.

    A ticker that was never asked for is not among them; its rows are missing.
    """
    firsts, requested = first_bars(warehouse, tickers), asked_until(warehouse, tickers)
    return tuple(
        ticker
        for ticker in tickers
        if firsts.get(ticker, date.max) > end and requested.get(ticker, FIRST_DAY) >= end
    )


def listed_pool(warehouse: Warehouse, pool: Sequence[str], end: date) -> tuple[str, ...]:
    """The tickers of `pool` that are listed by `end` and so must have rows.

    One whose source has failed by then need not; what is stored of it still counts.
    """
    absent = {*unlisted(warehouse, pool, end), *withheld(warehouse, pool, end)}
    return tuple(ticker for ticker in pool if ticker not in absent)
