"""A simulated market with a seed, for any ticker and session; always labelled as not real.

Its series are those of `simulated_market`.
A value depends only on the seed, the ticker and the date, not on the requested range.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from options_platform.adapters.ports.market_data import SourceInfo
from options_platform.adapters.sources import simulated_market, simulated_options
from options_platform.adapters.sources.options import SourceOptions
from options_platform.domain.calendar.sessions import newest_final_session
from options_platform.domain.feature_engine.iv_history import CHAIN, MODEL
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import SourceError

FUNDS_OF_THE_MARKET = frozenset({"SPY", "VOO", "IVV"})


class SimulatedSource:
    """Bars, volatility indices, option chains and earnings of a simulated market."""

    def __init__(self, seed: int, iv_symbols: Mapping[str, str] | None = None) -> None:
        """`iv_symbols`: by ticker, the volatility index around which its chains are quoted."""
        self._seed = seed
        self._iv_symbols = dict(iv_symbols or {})
        self.info = SourceInfo(
            name="simulated",
            label=f"simulated market (seed {seed}), not real",
            proxy=True,
            tickers=None,
            indices=None,
            first_date=simulated_market.FIRST,
            kinds=frozenset({"bars", "index", "chain", "earnings"}),
        )

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the model; no dividends, no splits."""
        bars = simulated_market.bars_of(self._seed, require_ticker(ticker))
        return bars.filter(pl.col("date").is_between(start, end))

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Closes of the index in points: the VIX of the market factor, others scaled from it.

        An index of a stock's options, such as VXAPL, is the stock's own expected volatility.
        """
        closes = simulated_market.index_of(self._seed, require_ticker(symbol))
        return closes.filter(pl.col("date").is_between(start, end))

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """Listed expiries of the next 75 days, quoted around the ticker's implied volatility.

        This is the ticker's volatility index in `iv_symbols`, the VIX for funds of the S&P 500,
        and otherwise the model's expectation for the ticker. Raises :class:`SourceError` for a
        session that is not over at `now`.
        """
        bar = self.bars(ticker, session, session)
        if bar.is_empty() or session > newest_final_session(now):
            raise SourceError(
                f"the simulated market has no chain of {ticker} for {session}; choose a session "
                f"from {simulated_market.FIRST} to {newest_final_session(now)}"
            )
        random = simulated_market.generator(self._seed, f"chain:{ticker}:{session}")
        spot = bar["close"][0]
        if self._is_on_itself(ticker):
            index, report = simulated_market.at_close(self._seed, ticker, session)
            return simulated_options.chain(ticker, session, spot, index, random, report)
        closes = simulated_market.index_of(self._seed, self._symbol(ticker))
        index = closes.filter(pl.col("date") == session)["close"][0] / 100.0
        return simulated_options.chain(ticker, session, spot, index, random)

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """One earnings report a quarter, as it became known; none of well-known funds.

        Dates are estimated first, may move or be withdrawn, and are confirmed with their hour.
        """
        reports = simulated_market.reports_of(self._seed, require_ticker(ticker))
        return reports.filter(pl.col("date").is_between(start, end)).drop("number")

    def _symbol(self, ticker: str) -> str:
        """The index around which the ticker is quoted; CHAIN for its own volatility."""
        symbol = self._iv_symbols.get(ticker, CHAIN)
        if symbol in {CHAIN, MODEL}:
            return "VIX" if ticker in FUNDS_OF_THE_MARKET else CHAIN
        return symbol

    def _is_on_itself(self, ticker: str) -> bool:
        """Whether the ticker is quoted around its own volatility, which no index publishes."""
        symbol = self._symbol(ticker)
        return symbol == CHAIN or simulated_market.STOCKS.get(symbol) == ticker


def open_source(options: SourceOptions) -> SimulatedSource:
    """The simulated market of the seed."""
    return SimulatedSource(options.seed, options.iv_symbols)
