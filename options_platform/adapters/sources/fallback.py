"""Sources in order of preference: if one fails, the next one answers.

A fallback source is asked only if its answer has the same meaning:

- real data never replaces a proxy's, nor a proxy's real data (`SourceInfo.proxy`);
- bars only if open to close are adjusted in the same way (`SourceInfo.adjustment`), since a step
  between two conventions looks like a return;
- an index only if it is in `PUBLISHED_INDICES`: the exchange defines these, so the VIX of any
  source is the VIX. The meaning of other symbols depends on the source, and no index ever
  replaces a different one;
- option chains are prices as traded and earnings are dates, so for both the first rule suffices;
- each answer comes from a single source; rows of two sources are never mixed.

The column `source` of each row names its source, and each use of a fallback is logged as a
warning with its cause.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TypeVar

import polars as pl

from options_platform.adapters.ports.market_data import (
    MarketDataSource,
    Source,
    SourceInfo,
    announces_splits,
    gives_chains,
    gives_earnings,
)
from options_platform.domain.market.index_series import OWN_INDEX
from options_platform.errors import ShortHistoryError, SourceError, UnknownSymbolError

PUBLISHED_INDICES = frozenset({"VIX9D", "VIX3M", "VIX6M", "VVIX", *OWN_INDEX.values()})

Able = TypeVar("Able", bound=Source)

logger = logging.getLogger(__name__)


class FallbackSource:
    """Sources in order of preference; the conventions of the first decide who else may answer."""

    def __init__(self, sources: Sequence[MarketDataSource]) -> None:
        """Raises :class:`SourceError` if a fallback mixes real data and proxies with the first."""
        self._sources = tuple(sources)
        first = self._sources[0].info
        for other in (source.info for source in self._sources[1:]):
            if other.proxy != first.proxy:
                raise SourceError(
                    f"{other.name} cannot stand in for {first.name}: one provides real data, the "
                    "other a proxy; remove it from OPTIONS_FALLBACK_SOURCES"
                )

    @property
    def info(self) -> SourceInfo:
        """The first source's info with the kinds, tickers and indices of all sources."""
        infos = [source.info for source in self._sources]
        labels = ", else ".join(info.label for info in infos)
        return replace(
            infos[0],
            label=labels,
            kinds=frozenset().union(*(info.kinds for info in infos)),
            tickers=_all_of([info.tickers for info in infos]),
            indices=_all_of([info.indices for info in infos if "index" in info.kinds]),
            stand_ins=tuple(info.name for info in infos[1:]),
            reads_files=False,
        )

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the ticker from the first source that has them."""
        adjustment = self._sources[0].info.adjustment

        def fits(info: SourceInfo) -> bool:
            has_ticker = info.tickers is None or ticker in info.tickers
            return info.adjustment == adjustment and has_ticker

        what = f"bars of {ticker} for {start} to {end}"
        able = [source for source in self._sources if "bars" in source.info.kinds]
        return self._first(able, what, lambda s: s.bars(ticker, start, end), fits)

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the index from the first source that has them."""

        def fits(info: SourceInfo) -> bool:
            has_index = info.indices is None or symbol in info.indices
            return symbol in PUBLISHED_INDICES and has_index

        what = f"bars of {symbol} for {start} to {end}"
        able = [source for source in self._sources if "index" in source.info.kinds]
        return self._first(able, what, lambda s: s.index_bars(symbol, start, end), fits)

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """The option chain from the first source that has it."""
        what = f"option chain of {ticker} for {session}"
        able = [source for source in self._sources if gives_chains(source)]
        return self._first(able, what, lambda s: s.option_chain(ticker, session, now))

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The earnings reports from the first source that has them."""
        what = f"earnings of {ticker} for {start} to {end}"
        able = [source for source in self._sources if gives_earnings(source)]
        return self._first(able, what, lambda s: s.earnings(ticker, start, end))

    def announced_splits(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The announced splits from the first source that has them."""
        what = f"announced splits of {ticker} for {start} to {end}"
        able = [source for source in self._sources if announces_splits(source)]
        return self._first(able, what, lambda s: s.announced_splits(ticker, start, end))

    def _first(
        self,
        able: Sequence[Able],
        what: str,
        ask: Callable[[Able], pl.DataFrame],
        fits: Callable[[SourceInfo], bool] = lambda _: True,
    ) -> pl.DataFrame:
        causes: list[str] = []
        unknown = True
        short: ShortHistoryError | None = None
        for source in able:
            if source is not self._sources[0] and not fits(source.info):
                continue
            try:
                answer = ask(source)
            except SourceError as error:
                causes.append(str(error))
                unknown = unknown and isinstance(error, UnknownSymbolError)
                if short is None and isinstance(error, ShortHistoryError):
                    short = error
                continue
            if causes:
                logger.warning("%s: %s stood in (%s)", what, source.info.name, "; ".join(causes))
            return answer
        if len(causes) == 1:
            text = causes[0]
        elif causes:
            text = f"no source gave {what}: {' | '.join(causes)}"
        else:
            text = f"no source provides the {what}; add one to OPTIONS_FALLBACK_SOURCES"
        if short is not None:
            raise ShortHistoryError(text, short.bars)
        raise UnknownSymbolError(text) if unknown else SourceError(text)


def _all_of(names: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The names of all sources; None (any name) if one source has no list."""
    lists = [part for part in names if part is not None]
    if len(lists) < len(names):
        return None
    return tuple(dict.fromkeys(name for part in lists for name in part))
