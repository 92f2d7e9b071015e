"""Whether a source has a session at all, where its history of one ticker ends before it.

That one ticker has no bar says nothing by itself: the source may be late. Another ticker's bar of
the session says that it is out and that this ticker has none. A run of a part of the pool may not
see one, since the others are fetched at the same time; there the VIX of the session says it too.
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
    """Asks the source for bars and remembers which sessions it was seen to have."""

    def __init__(
        self, source: MarketDataSource, warehouse: Warehouse, *, index_counts: bool
    ) -> None:
        self._source = source
        self._index_counts = index_counts
        self._warehouse = warehouse
        self._seen: set[date] = set()
        self._looked: set[date] = set()

    def bars(self, ticker: str, start: date, end: date, *, has_rows: bool) -> pl.DataFrame:
        """The bars of `ticker`; a short history as it is where the source has the last session.

        Empty for a range without a bar of it. Raises
        :class:`~options_platform.errors.ShortHistoryError` where nothing shows that the source
        has that session, and for a ticker without a bar that has no stored rows: it may not exist.
        """
        try:
            given = self._source.bars(ticker, start, end)
        except ShortHistoryError as short:
            last = sessions(start, end)[-1:]
            exists = has_rows or short.bars.height > 0
            if not exists or not last or not self._has(last[0]):
                raise
            if self._had_later(ticker, short.bars, start, end):
                # It has given them before: what it gives now was cut.
                raise
            return short.bars
        self._seen.update(given.filter(pl.col("close").is_finite())["date"].to_list())
        return given

    def _had_later(self, ticker: str, bars: pl.DataFrame, start: date, end: date) -> bool:
        """Whether bars of the ticker after the last of `bars` are stored from this source."""
        after = bars["date"].max() if bars.height else None
        stored = self._stored(start, end, tickers=[ticker])
        if after is not None:
            stored = stored.filter(pl.col("date") > after)
        return stored.height > 0

    def _has(self, session: date) -> bool:
        if session not in self._seen and session not in self._looked:
            self._looked.add(session)
            if self._is_stored(session) or self._has_index(session):
                self._seen.add(session)
        return session in self._seen

    def _is_stored(self, session: date) -> bool:
        return self._stored(session, session).height > 0

    def _stored(self, start: date, end: date, *, tickers: list[str] | None = None) -> pl.DataFrame:
        """Good bars of the range that are stored from this source."""
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
