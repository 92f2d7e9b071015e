"""Stocks that are priced on the market's volatility: what is said of them, and who refuses them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import VIX
from options_platform.domain.chain.vol_errors import market_note
from options_platform.domain.market.index_series import market_priced_stocks, may_be_stock
from options_platform.errors import UsageError
from options_platform.settings import Settings

MODEL_ERROR = 3.1
"""Mean absolute error of the modelled 30-day volatility, vol points, leaving one stock out; `python
-m tools.calibrate_stock_iv` measures it, and a test again."""


def price_note(ticker: str, symbol: str) -> str:
    """One sentence, without its full stop: a ticker is priced on an index that is not its own."""
    note = market_note(ticker, symbol)
    return f"{note}; its results are not usable" if may_be_stock(ticker) else note


def model_note(ticker: str) -> str:
    """One sentence, without its full stop: a ticker's volatility is modelled, and how well."""
    return (
        f"{ticker} is priced on a modelled volatility (its returns, the VIX and its reports), "
        f"{MODEL_ERROR:g} vol points off a stock that it was not fitted on; the price of a report "
        "is not to be believed"
    )


def stored_market_stocks(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """By ticker the note of each stock whose stored rows are priced on an index of the market."""
    if not warehouse.path.exists():
        return {}
    rows = warehouse.read(VIX, columns=["date", "ticker", "iv_symbol"], tickers=settings.tickers)
    newest = rows.sort("date").group_by("ticker").agg(pl.col("iv_symbol").last())
    symbols = dict(newest.sort("ticker").iter_rows())
    stocks = market_priced_stocks(symbols, settings.plan.chain.surface.funds)
    return {ticker: price_note(ticker, symbols[ticker]) for ticker in stocks}


def require_own_prices(iv_symbols: Mapping[str, str], settings: Settings) -> None:
    """Raise :class:`UsageError` if a stock is priced on an index of the market.

    `iv_symbols` has the volatility index of each ticker; one without any is not judged.
    """
    for ticker in market_priced_stocks(iv_symbols, settings.plan.chain.surface.funds):
        raise UsageError(
            f"--strict: {price_note(ticker, iv_symbols[ticker])}; model its volatility, with the "
            f"dates of its reports: OPTIONS_IV_SYMBOL__{ticker}=MODEL options-platform backfill"
        )
