"""What the platform asks of the outside world; each port has one folder of adapters.

Adding a source: one file in `adapters/sources/` with a class that fits :class:`MarketDataSource`
and its `open_source`, and one line in `settings.sources.SOURCES`; the contract suite in
`options_platform_tests/contracts/` then runs against it. Adding a broker works the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol, TypeGuard

import polars as pl

from options_platform.contracts import TIMESTAMP

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
        "source": pl.String,
    }
)
"""Bars of a source. `dividend`, `split_ratio` and `split_factor` are null where it knows none;
`source` is the name of the one that gave the row."""

INDEX_SCHEMA = pl.Schema(
    {
        "date": pl.Date,
        "symbol": pl.String,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "source": pl.String,
    }
)
"""Bars of indices such as VIX, in index points; only `close` is always known."""

SOURCE_CHAIN_SCHEMA = pl.Schema(
    {
        "quoted_at": TIMESTAMP,
        "ticker": pl.String(),
        "contract_symbol": pl.String(),
        "expiry": pl.Date(),
        "right": pl.String(),
        "strike": pl.Float64(),
        "bid": pl.Float64(),
        "ask": pl.Float64(),
        "last": pl.Float64(),
        "last_trade_at": TIMESTAMP,
        "volume": pl.Float64(),
        "open_interest": pl.Float64(),
        "multiplier": pl.Float64(),
        "spot": pl.Float64(),
        "source_iv": pl.Float64(),
        "source_delta": pl.Float64(),
        "source_gamma": pl.Float64(),
        "source_theta": pl.Float64(),
        "source_vega": pl.Float64(),
        "source": pl.String(),
    }
)
"""Quotes of an option chain as the source gave them; what it does not give is null.

`right` is call or put; prices and `spot` are USD a share as traded, `source_iv` an annualised
fraction, theta USD a calendar day, vega USD a vol point; `multiplier` is shares a contract.
"""

EARNINGS_SCHEMA = pl.Schema(
    {
        "date": pl.Date,
        "ticker": pl.String,
        "timing": pl.String,
        "eps_estimate": pl.Float64,
        "eps_reported": pl.Float64,
        "source": pl.String,
    }
)
"""Earnings reports: `timing` is before_open, after_close or null where the source does not say."""

SPLIT_SCHEMA = pl.Schema({"date": pl.Date, "ticker": pl.String, "split_ratio": pl.Float64})
"""Splits by ex-date, in new shares for an old one."""

EARNINGS_KNOWLEDGE = pl.Schema({"status": pl.String(), "known_from": TIMESTAMP})
"""Columns that a source may add to its reports: `status` is reported, confirmed, estimated or
withdrawn, and `known_from` is since when the date is known, for what was known at earlier times. A
report whose date moved then has a row for each date."""


@dataclass(frozen=True)
class SourceInfo:
    """What a source can give.

    `label` is shown wherever its data is shown; `proxy` marks data that stands in for the
    ticker (simulated, or an index in place of a fund). `first_date` and `last_date` bound its
    history where it has bounds; `tickers` and `indices` name all it has, or None for any.
    `kinds` says what it gives at all: bars, index, chain, earnings, and splits before their
    ex-dates (splits). `adjustment` is what its open to close are adjusted for: split (the
    platform's own convention), none, or split_and_dividend; sources stand in for each other only
    where it is the same. `stand_ins` names the sources that may answer in its place, `series` those
    of `market_series` that it has, to be asked for like an index. `reads_files` is whether it reads
    a folder of files.
    """

    name: str
    label: str
    proxy: bool
    tickers: tuple[str, ...] | None
    indices: tuple[str, ...] | None
    first_date: date | None = None
    last_date: date | None = None
    kinds: frozenset[str] = frozenset({"bars", "index"})
    adjustment: Literal["split", "none", "split_and_dividend"] = "split"
    series: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    reads_files: bool = False


class Source(Protocol):
    """Whatever gives data of some kind."""

    @property
    def info(self) -> SourceInfo:
        """What the source can give."""
        ...


class MarketDataSource(Source, Protocol):
    """A provider of daily bars and index bars.

    Rows come back as the provider has them, bad ones included (`domain.market.bars` sets those
    aside), but never silently fewer: an unknown ticker, an unreadable answer or an empty answer
    raises :class:`~options_platform.errors.SourceError` with the ticker, the dates and the cause,
    and a history that ends before `end` :class:`~options_platform.errors.ShortHistoryError`, with
    the bars that there are.
    """

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Daily bars of `ticker` from `start` to `end`, both included, in :data:`BAR_SCHEMA`.

        Empty only for a range before the ticker's first bar.
        """
        ...

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the index `symbol` (e.g. "VIX") in :data:`INDEX_SCHEMA`.

        A history that begins late or ends early within the range is returned as it is: a missing
        index value is judged row by row. Empty only for a range before the index's first day; a
        later range without any close raises SourceError, as an unknown symbol does.
        """
        ...


class OptionChainSource(Source, Protocol):
    """A provider of option chains."""

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """The chain of `ticker` at the close of `session`, in :data:`SOURCE_CHAIN_SCHEMA`.

        A source that only knows the present gives it where `session` is the newest one whose
        close has settled at `now` (`domain.calendar.sessions.newest_final_session`), and raises
        :class:`~options_platform.errors.SourceError` otherwise: a chain of today is never filed
        under another date. An empty chain raises as well.
        """
        ...


class AnnouncesSplits(Source, Protocol):
    """A provider of splits before their ex-dates."""

    def announced_splits(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The splits of `ticker` with ex-dates from `start` to `end`, in :data:`SPLIT_SCHEMA`.

        Empty where none is announced; an unreadable answer raises SourceError.
        """
        ...


class EarningsSource(Source, Protocol):
    """A provider of the dates of earnings reports."""

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Reports of `ticker` from `start` to `end`, planned ones too, in :data:`EARNINGS_SCHEMA`.

        Columns of :data:`EARNINGS_KNOWLEDGE` may follow. Empty for a fund, which reports nothing;
        an unreadable answer raises SourceError.
        """
        ...


class FileSource(MarketDataSource, Protocol):
    """A source that reads files of whoever runs it, and can say what it takes them for."""

    def understood(self, name: str) -> str:
        """What the file of a ticker or symbol is taken for; SourceError where it is unreadable."""
        ...


def gives_chains(source: Source) -> TypeGuard[OptionChainSource]:
    """Whether the source says that it has option chains."""
    return "chain" in source.info.kinds


def gives_earnings(source: Source) -> TypeGuard[EarningsSource]:
    """Whether the source says that it has dates of earnings reports."""
    return "earnings" in source.info.kinds


def announces_splits(source: Source) -> TypeGuard[AnnouncesSplits]:
    """Whether the source says that it knows of splits before their ex-dates."""
    return "splits" in source.info.kinds


def reads_files(source: Source) -> TypeGuard[FileSource]:
    """Whether the source says that it reads files."""
    return source.info.reads_files
