"""What the platform asks of the outside world; each port has one folder of adapters.

Adding a source: one file in `adapters/sources/` with a class that fits :class:`MarketDataSource`
and one line in `adapters/sources/__init__.py`; the contract suite in
`options_platform_tests/contracts/` then runs against it. Adding a broker works the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import polars as pl

BAR_SCHEMA = pl.Schema(
    {
        "date": pl.Date,
        "ticker": pl.String,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "adj_close": pl.Float64,
        "volume": pl.Float64,
        "dividend": pl.Float64,
        "split_ratio": pl.Float64,
        "split_factor": pl.Float64,
    }
)
"""Bars of a source. `dividend`, `split_ratio` and `split_factor` are null where it knows none."""

INDEX_SCHEMA = pl.Schema({"date": pl.Date, "symbol": pl.String, "close": pl.Float64})
"""Closes of indices such as VIX, in index points."""


@dataclass(frozen=True)
class SourceInfo:
    """What a source can give.

    `label` is shown wherever its data is shown; `proxy` marks data that stands in for the
    ticker (simulated, or an index in place of a fund). `first_date` and `last_date` bound its
    history where it has bounds; `tickers` and `indices` name all it has, or None for any.
    """

    name: str
    label: str
    proxy: bool
    tickers: tuple[str, ...] | None
    indices: tuple[str, ...] | None
    first_date: date | None = None
    last_date: date | None = None


class MarketDataSource(Protocol):
    """A provider of daily bars and index closes.

    Rows come back as the provider has them, bad ones included (`domain.bars` sets those aside),
    but never silently fewer: an unknown ticker, an unreadable answer, an empty answer or a
    history that ends before `end` raises :class:`~options_platform.errors.SourceError` with the
    ticker, the dates and the cause.
    """

    @property
    def info(self) -> SourceInfo:
        """What the source can give."""
        ...

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Daily bars of `ticker` from `start` to `end`, both included, in :data:`BAR_SCHEMA`."""
        ...

    def index_closes(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Closes of the index `symbol` (e.g. "VIX") in :data:`INDEX_SCHEMA`.

        A history that begins late or ends early is returned as it is: a missing index value is
        judged row by row. Unknown symbols raise SourceError.
        """
        ...
