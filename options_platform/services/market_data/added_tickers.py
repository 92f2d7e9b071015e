"""What it means to add tickers to a home: said before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from options_platform.adapters.ports.market_data import MarketDataSource, SourceInfo
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import DIRECTION_MODEL, VOLATILITY_MODEL, Table
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.feature_engine.iv_history import CHAIN, MODEL
from options_platform.domain.market.index_series import OWN_INDEX, may_be_stock
from options_platform.errors import ShortHistoryError, SourceError, UsageError
from options_platform.formats import count
from options_platform.services.market_data.own_indices import expected_iv_symbols
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.settings import Settings

TRIED_SESSIONS = 5


@dataclass(frozen=True)
class Addition:
    """What adding tickers does: the sessions to fetch of each, the index that each is priced on
    with the reason, and by model the months whose folds rest on all tickers."""

    tickers: tuple[str, ...]
    first: date
    last: date
    source: SourceInfo
    volatility: dict[str, str]
    folds: dict[str, list[str]]

    def in_words(self) -> list[str]:
        """Lines for people."""
        days, source = count(len(sessions(self.first, self.last)), "session"), self.source.name
        span = f"{self.first} to {self.last}"
        return [
            f"History: up to {days} of each, {span}, from {source}, as far as it was listed.",
            *(f"Volatility of {ticker}: {why}." for ticker, why in self.volatility.items()),
            _folds_in_words(self.folds),
        ]


def addition(
    settings: Settings,
    warehouse: Warehouse,
    source: MarketDataSource,
    tickers: Sequence[str],
    now: datetime,
) -> Addition:
    """What adding `tickers` to the settings' would do; a home without tables has no folds."""
    wider = replace(settings, tickers=(*settings.tickers, *tickers))
    expected = expected_iv_symbols(wider, source.info, warehouse)
    return Addition(
        tuple(tickers),
        first_date(settings),
        newest_date(settings, now),
        source.info,
        {ticker: _why(ticker, expected[ticker], settings, source.info) for ticker in tickers},
        {table.name: _months(warehouse, table) for table in (DIRECTION_MODEL, VOLATILITY_MODEL)},
    )


def require_bars(source: MarketDataSource, tickers: Sequence[str], first: date, last: date) -> None:
    """Raise :class:`UsageError` for the first ticker of which the source has no bar at all.

    One that is no longer listed passes: its past counts.
    """
    for ticker in tickers:
        if _has_bars(source, ticker, max(first, shift(last, -TRIED_SESSIONS)), last):
            continue
        if not _has_bars(source, ticker, first, last):
            raise UsageError(f"{ticker}: {source.info.name} has no bar from {first} to {last}")


def _has_bars(source: MarketDataSource, ticker: str, start: date, end: date) -> bool:
    """Whether a range has a bar. A failure of the source is an error that names the ticker."""
    try:
        return source.bars(ticker, start, end).height > 0
    except ShortHistoryError as short:
        return short.bars.height > 0
    except SourceError as error:
        raise UsageError(f"{ticker} is not added: {error}") from error


def _why(ticker: str, symbol: str, settings: Settings, info: SourceInfo) -> str:
    if ticker in settings.iv_symbol or symbol == CHAIN:
        return f"{symbol}, as iv_symbol says"
    if symbol == OWN_INDEX.get(ticker):
        return f"{symbol}, its own index"
    none = "since the source has no index of its own"
    modelled = f"MODEL, from its returns, the VIX and its earnings reports, {none}"
    if not may_be_stock(ticker, settings.plan.chain.surface.funds):
        return f"the VIX, {none}"
    if symbol == MODEL:
        return modelled
    if "earnings" in info.kinds or settings.earnings_sources:
        return f"{modelled}; the VIX if no report is found"
    return f"the VIX, {none} and none gives its earnings reports"


def _months(warehouse: Warehouse, table: Table) -> list[str]:
    """The months of which a fold predicts, in order; empty without predictions."""
    if not warehouse.path.exists():
        return []
    return sorted(warehouse.read(table, columns=["fold"])["fold"].drop_nulls().unique().to_list())


def _folds_in_words(folds: dict[str, list[str]]) -> str:
    counts = [f"{len(months)} of {name}" for name, months in folds.items() if months]
    if not counts:
        return "Models: none is trained yet; the folds are trained on all tickers together."
    months = sorted({month for each in folds.values() for month in each})
    return (
        "Models: they learn from all tickers together, so monthly folds are trained again: up to "
        f"{' and '.join(counts)}, {months[0]} to {months[-1]}. Those before the first bars of the "
        "new tickers stay."
    )
