"""Decides whether a source already has a session for which it has no bar of a ticker.

A missing bar of one ticker proves nothing, since the source may be late. Another ticker's bar of
the session proves that the source has it, so that this ticker did not trade. A run of only some
tickers may not see another bar, because other runs fetch those at the same time; for such a run
the VIX of the session is a proof too.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import ShortHistoryError, SourceError

VIX = "VIX"


class HeldSessions:
    """Requests bars and remembers for which sessions the source has data."""

    def __init__(
        self, source: MarketDataSource, warehouse: Warehouse, *, index_counts: bool
    ) -> None:
        self._source = source
        self._index_counts = index_counts
        self._warehouse = warehouse
        self._available: set[date] = set()
        self._checked: set[date] = set()

    def bars(self, ticker: str, start: date, end: date, *, has_rows: bool) -> pl.DataFrame:
        """The bars of `ticker`; a history that ends early is accepted if the source has `end`.

        Empty for a range without a bar. Raises
        :class:`~options_platform.errors.ShortHistoryError` if nothing proves that the source has
        the last session, and for a ticker without any bar or stored row, which may not exist.
        """
        try:
            bars = self._source.bars(ticker, start, end)
        except ShortHistoryError as short:
            last = sessions(start, end)[-1:]
            exists = has_rows or short.bars.height > 0
            if not exists or not last or not self._has(last[0]):
                raise
            if self._had_later(ticker, short.bars, start, end):
                # The source had later bars before, so this answer is truncated.
                raise
            return short.bars
        self._available.update(bars.filter(pl.col("close").is_finite())["date"].to_list())
        return bars

    def _had_later(self, ticker: str, bars: pl.DataFrame, start: date, end: date) -> bool:
        """Whether bars of the ticker after the last of `bars` are stored from this source."""
        after = bars["date"].max() if bars.height else None
        stored = self._stored(start, end, tickers=[ticker])
        if after is not None:
            stored = stored.filter(pl.col("date") > after)
        return stored.height > 0

    def _has(self, session: date) -> bool:
        if session not in self._available and session not in self._checked:
            self._checked.add(session)
            if self._is_stored(session) or self._has_index(session):
                self._available.add(session)
        return session in self._available

    def _is_stored(self, session: date) -> bool:
        return self._stored(session, session).height > 0

    def _stored(self, start: date, end: date, *, tickers: list[str] | None = None) -> pl.DataFrame:
        """Stored good bars of the range from this source."""
        stored = self._warehouse.read(
            RAW_OHLCV, columns=["date", "close", "source"], start=start, end=end, tickers=tickers
        )
        names = [self._source.info.name, *self._source.info.stand_ins]
        return stored.filter(pl.col("source").is_in(names) & pl.col("close").is_not_null())

    def _has_index(self, session: date) -> bool:
        if not self._index_counts or "index" not in self._source.info.kinds:
            return False
        try:
            closes = self._source.index_bars(VIX, session, session)
        except SourceError:
            return False
        return closes.filter(pl.col("close").is_finite()).height > 0
