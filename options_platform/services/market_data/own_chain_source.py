"""Presents the volatility of a ticker's own option chains as an index of any source."""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.adapters.ports.market_data import INDEX_SCHEMA, MarketDataSource, SourceInfo
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import IV_HISTORY
from options_platform.domain.feature_engine.iv_history import CHAIN, chain_closes
from options_platform.domain.market.index_series import CHAIN_PREFIX
from options_platform.errors import SourceError


class OwnIvSource:
    """Wraps a source; reads indices `CHAIN:TICKER` from `iv_history`, all else from the source."""

    def __init__(self, source: MarketDataSource, warehouse: Warehouse) -> None:
        self._source = source
        self._warehouse = warehouse

    @property
    def info(self) -> SourceInfo:
        """The info of the wrapped source."""
        return self._source.info

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the wrapped source."""
        return self._source.bars(ticker, start, end)

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """The stored values of `CHAIN:TICKER` in index points; any other index from the source.

        Raises :class:`SourceError` if none is stored in the range and the source has no chains.
        """
        if not symbol.startswith(CHAIN_PREFIX):
            return self._source.index_bars(symbol, start, end)
        ticker = symbol.removeprefix(CHAIN_PREFIX)
        history = self._warehouse.read(IV_HISTORY, tickers=[ticker], start=start, end=end)
        if history.is_empty() and "chain" not in self.info.kinds:
            raise SourceError(
                f"iv_symbol of {ticker} is {CHAIN}, but {self.info.name} has no option chains; "
                "name an index such as VIX, or choose a source with chains"
            )
        closes = chain_closes(history, f"{self.info.name} chain")
        missing = [name for name in INDEX_SCHEMA if name not in closes.columns]
        return (
            closes.with_columns(pl.lit(None).alias(name) for name in missing)
            .select(INDEX_SCHEMA.names())
            .cast(dict(INDEX_SCHEMA))  # type: ignore[arg-type]
        )
