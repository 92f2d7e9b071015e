"""An order of sources: the next one answers where the one before cannot.

A stand-in is asked only where its answer means the same. The rule:

- never real data for a proxy or a proxy for real data (`SourceInfo.proxy`);
- bars only where open to close are adjusted for the same (`SourceInfo.adjustment`), since a step
  between two conventions looks like a return;
- an index only if it is one of the published ones in `PUBLISHED_INDICES`, under its own symbol: the
  exchange defines them, so any source's VIX is the VIX. Another symbol means what its own source
  says, and no index ever stands in for a different one;
- option chains are prices as traded, and dates of earnings are dates: both need the first alone;
- an answer comes whole from one source; rows of two are never mixed in it.

Each row's `source` names who gave it, and a stand-in is logged as a warning with its cause.
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
    gives_chains,
    gives_earnings,
)
from options_platform.errors import ShortHistoryError, SourceError

PUBLISHED_INDICES = frozenset({"VIX", "VIX9D", "VIX3M", "VIX6M", "VVIX", "VXN", "RVX"})

Able = TypeVar("Able", bound=Source)

logger = logging.getLogger(__name__)


class FallbackSource:
    """Sources in order, the first of which decides what is asked of the others."""

    def __init__(self, sources: Sequence[MarketDataSource]) -> None:
        """SourceError if a stand-in could never be asked."""
        self._sources = tuple(sources)
        first = self._sources[0].info
        for other in (source.info for source in self._sources[1:]):
            if other.proxy != first.proxy:
                raise SourceError(
                    f"{other.name} cannot stand in for {first.name}: one gives real data, the "
                    "other a stand-in for it; take it out of OPTIONS_FALLBACK_SOURCES"
                )

    @property
    def info(self) -> SourceInfo:
        """The first source's, with the kinds and the names of all, the others as stand-ins."""
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
        """Bars of the first source that has them, all of one."""
        adjustment = self._sources[0].info.adjustment

        def fits(info: SourceInfo) -> bool:
            known = info.tickers is None or ticker in info.tickers
            return info.adjustment == adjustment and known

        what = f"bars of {ticker} for {start} to {end}"
        able = [source for source in self._sources if "bars" in source.info.kinds]
        return self._first(able, what, lambda s: s.bars(ticker, start, end), fits)

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the index from the first source that has them."""

        def fits(info: SourceInfo) -> bool:
            known = info.indices is None or symbol in info.indices
            return symbol in PUBLISHED_INDICES and known

        what = f"bars of {symbol} for {start} to {end}"
        able = [source for source in self._sources if "index" in source.info.kinds]
        return self._first(able, what, lambda s: s.index_bars(symbol, start, end), fits)

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """The chain of the first source that has it."""
        what = f"option chain of {ticker} for {session}"
        able = [source for source in self._sources if gives_chains(source)]
        return self._first(able, what, lambda s: s.option_chain(ticker, session, now))

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The reports from the first source that has them."""
        what = f"earnings of {ticker} for {start} to {end}"
        able = [source for source in self._sources if gives_earnings(source)]
        return self._first(able, what, lambda s: s.earnings(ticker, start, end))

    def _first(
        self,
        able: Sequence[Able],
        what: str,
        ask: Callable[[Able], pl.DataFrame],
        fits: Callable[[SourceInfo], bool] = lambda _: True,
    ) -> pl.DataFrame:
        causes: list[str] = []
        short: ShortHistoryError | None = None
        for source in able:
            if source is not self._sources[0] and not fits(source.info):
                continue
            try:
                given = ask(source)
            except SourceError as error:
                causes.append(str(error))
                if short is None and isinstance(error, ShortHistoryError):
                    short = error
                continue
            if causes:
                logger.warning("%s: %s stood in (%s)", what, source.info.name, "; ".join(causes))
            return given
        if len(causes) == 1:
            text = causes[0]
        elif causes:
            text = f"no source gave {what}: {' | '.join(causes)}"
        else:
            text = f"no source gives the {what}; add one that does to OPTIONS_FALLBACK_SOURCES"
        raise SourceError(text) if short is None else ShortHistoryError(text, short.bars)


def _all_of(names: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The names of all, None (any) if one of them knows any."""
    lists = [part for part in names if part is not None]
    if len(lists) < len(names):
        return None
    return tuple(dict.fromkeys(name for part in lists for name in part))
