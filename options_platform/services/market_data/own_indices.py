"""Which volatility index each ticker is priced on, decided once for all of its history.

In this order: the index that is set; the index of the stored rows, so that a home keeps what it
has; the ticker's own index (`OWN_INDEX`), if the source still publishes it; the model of a stock's
volatility (MODEL); the VIX. A ticker is taken for a stock if it is no known fund and earnings
reports of it are recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import date, datetime

import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource, SourceInfo
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN, VIX
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.feature_engine.iv_history import CHAIN, MODEL, series_names
from options_platform.domain.market.index_series import (
    CHAIN_PREFIX,
    MODEL_PREFIX,
    OWN_INDEX,
    VIX_SYMBOL,
    foreign_indices,
    may_be_stock,
)
from options_platform.errors import SourceError, UnknownSymbolError
from options_platform.services.market_data.market_priced import price_note
from options_platform.services.market_data.own_chains import may_be_modelled
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.settings import Settings

log = logging.getLogger(__name__)
FIRST_DAY = date(1990, 1, 2)
"""Before any volatility index of an exchange; the whole history is asked for, since its end decides
and an index that ended early has no close in a later range."""
RECENT_SESSIONS = 5
WHY_NOT_MODELLED = {
    "NO_REPORTS": "no earnings report of {ticker} is known; a source with its dates is needed "
    "(setting earnings_sources, or the file {ticker}_earnings.csv)",
    "FEW_REPORTS": "fewer than eight reports of {ticker} with their moves are known",
    "SHORT_HISTORY": "it needs 252 sessions of bars before",
}
"""What is said of the reasons in `vix.iv_missing` that a user can do something about."""


def resolved_iv_symbols(
    settings: Settings,
    source: MarketDataSource,
    warehouse: Warehouse,
    now: datetime,
    tickers: Sequence[str],
    failures: dict[str, SourceError] | None = None,
) -> dict[str, str]:
    """The volatility index of each of the tickers, as rows of `vix` name it.

    The source is asked about a ticker's own index only where none is set or stored. What decides
    are the settings, the stored rows and the home's newest session, not the range of a run.

    If the source fails, that does not show that it has no such index, and the choice is for good:
    then the ticker is left out and its error put into `failures`, or raised without them.
    """
    decided = named_or_stored(settings, warehouse)
    newest = newest_date(settings, now)
    symbols: dict[str, str | None] = {}
    for ticker in tickers:
        try:
            symbols[ticker] = decided.get(ticker) or _published(source, ticker, newest)
        except SourceError as error:
            if failures is None:
                raise
            failures[ticker] = error
    stocks = reporting_stocks(settings, warehouse)
    return series_names({t: symbol or _otherwise(t, stocks) for t, symbol in symbols.items()})


def expected_iv_symbols(
    settings: Settings, info: SourceInfo, warehouse: Warehouse
) -> dict[str, str]:
    """The same of all tickers without asking the source: an index that it lists counts as there."""
    decided = named_or_stored(settings, warehouse)
    stocks = reporting_stocks(settings, warehouse)
    return {
        ticker: decided.get(ticker) or listed_own_index(ticker, info) or _otherwise(ticker, stocks)
        for ticker in settings.tickers
    }


def reporting_stocks(settings: Settings, warehouse: Warehouse) -> set[str]:
    """The tickers that are no known funds and of which earnings reports are recorded."""
    asked = may_be_modelled(settings)
    if not (asked and warehouse.path.exists()):
        return set()
    return set(warehouse.read(EARNINGS_KNOWN, columns=["ticker"], tickers=asked)["ticker"])


def _otherwise(ticker: str, stocks: Collection[str]) -> str:
    return MODEL if ticker in stocks else VIX_SYMBOL


def named_or_stored(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """The index of the tickers for which one is set or stored; CHAIN only where it is set."""
    return {**stored_iv_symbols(warehouse, settings.tickers), **settings.iv_symbol}


def stored_iv_symbols(warehouse: Warehouse, tickers: Sequence[str]) -> dict[str, str]:
    """The index of the newest row of `vix` of each ticker that has one; MODEL for a modelled one.

    A ticker priced on its chains is left out: that needs the assets that the setting adds.
    """
    if not warehouse.path.exists():
        return {}
    rows = warehouse.read(VIX, columns=["date", "ticker", "iv_symbol"], tickers=tickers)
    rows = rows.filter(~pl.col("iv_symbol").str.starts_with(CHAIN_PREFIX)).sort("date")
    newest = rows.group_by("ticker").agg(pl.col("iv_symbol").last())
    return {
        ticker: MODEL if symbol.startswith(MODEL_PREFIX) else symbol
        for ticker, symbol in newest.iter_rows()
    }


def index_notes(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """What a user should know of the stored index of a ticker, and the command that changes it.

    Only of tickers that are priced on an index that is not theirs, or on one that has ended.
    """
    columns = ["date", "ticker", "iv_symbol", "iv_close", "iv_missing"]
    rows = warehouse.read(VIX, columns=columns, tickers=settings.tickers).sort("date")
    stored = rows.group_by("ticker").agg(
        symbol=pl.col("iv_symbol").last(),
        newest=pl.col("date").last(),
        closed=pl.col("date").filter(pl.col("iv_close").is_finite()).max(),
        missing=pl.col("iv_missing").last(),
    )
    notes: dict[str, str] = {}
    for ticker, symbol, newest, closed, missing in stored.sort("ticker").iter_rows():
        if missing in WHY_NOT_MODELLED:
            why = WHY_NOT_MODELLED[missing].format(ticker=ticker)
            notes[ticker] = f"its volatility is modelled and has no value, so it has no plan: {why}"
        elif closed is None or closed < shift(newest, 1 - RECENT_SESSIONS):
            since = f"since {closed}" if closed is not None else "at all"
            notes[ticker] = (
                f"{symbol} has no close {since}, so {ticker} has no plan; price it on the VIX: "
                f"{_change(ticker, VIX_SYMBOL)}"
            )
        elif ticker in (foreign := foreign_indices({ticker: symbol})):
            notes[ticker] = foreign_note(ticker, symbol, foreign[ticker])
    return notes


def foreign_note(ticker: str, symbol: str, own: str | None) -> str:
    """That a ticker is priced on an index that is not its own, and what would change that."""
    note = price_note(ticker, symbol)
    if own is None:
        chain = f"OPTIONS_IV_SYMBOL__{ticker}={CHAIN}"
        note = f"{note}; it has no index of its own (once a year of chains is stored: {chain})"
    else:
        note = f"{note}; its index is {own}, if the source has it: {_change(ticker, own)}"
    if not may_be_stock(ticker):
        return note
    return f"{note}; or model it, with the dates of its reports: {_change(ticker, MODEL)}"


def _change(ticker: str, symbol: str) -> str:
    return f"OPTIONS_IV_SYMBOL__{ticker}={symbol} options-platform backfill"


def listed_own_index(ticker: str, info: SourceInfo) -> str | None:
    """The ticker's own index, if the source has any index or lists this one."""
    symbol = OWN_INDEX.get(ticker)
    is_listed = "index" in info.kinds and (info.indices is None or symbol in info.indices)
    return symbol if is_listed else None


def _published(source: MarketDataSource, ticker: str, newest: date) -> str | None:
    """The ticker's own index if the source has a close in the 5 sessions up to `newest`."""
    symbol = listed_own_index(ticker, source.info)
    if symbol is None or symbol == VIX_SYMBOL:
        return symbol
    try:
        closes = source.index_bars(symbol, FIRST_DAY, newest)
    except UnknownSymbolError as error:
        log.warning("%s is not priced on an index of its own: %s", ticker, error)
        return None
    except SourceError as error:
        raise SourceError(
            f"whether {ticker} has its own volatility index {symbol} cannot be decided: {error}; "
            f"or choose one for good: OPTIONS_IV_SYMBOL__{ticker}={VIX_SYMBOL}"
        ) from error
    days = closes.filter(pl.col("close").is_finite())["date"].to_list()
    if not days or max(days) < shift(newest, 1 - RECENT_SESSIONS):
        ended = f"its last close is of {max(days)}" if days else "it has no close"
        log.warning("%s is not priced on its index: %s has ended, %s", ticker, symbol, ended)
        return None
    return symbol
