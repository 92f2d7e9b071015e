"""Yahoo Finance through yfinance: daily bars with actions, index bars, option chains, earnings.

It uses `Ticker.history` with raised exceptions, never `download()`, which returns an empty frame
for an error status, an HTML page and truncated JSON alike. Every failure ends, after bounded
retries, in a SourceError that names ticker, dates and cause.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from options_platform.adapters.ports.market_data import (
    BAR_SCHEMA,
    EARNINGS_SCHEMA,
    INDEX_SCHEMA,
    SourceInfo,
)
from options_platform.adapters.sources.finality import LOOK_BACK, final_rows, require_reach
from options_platform.adapters.sources.http.pace import Pace
from options_platform.adapters.sources.http.retry import (
    UNKNOWN,
    FetchError,
    NoPricesError,
    RetryPolicy,
)
from options_platform.adapters.sources.index_range import why_no_answer
from options_platform.adapters.sources.options import SourceOptions
from options_platform.adapters.sources.yahoo import tables as yahoo_tables
from options_platform.adapters.sources.yahoo.library import open_symbol, raised_errors
from options_platform.domain.calendar.sessions import NEW_YORK, newest_final_session
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

REPORTS_A_PAGE = 100
# Yahoo's instrument types that report no earnings.
NO_COMPANIES = frozenset({"ETF", "MUTUALFUND", "INDEX", "CURRENCY", "CRYPTOCURRENCY", "FUTURE"})


class YahooSource:
    """Yahoo Finance. Bars are split-adjusted; `adj_close` is adjusted for dividends too."""

    info = SourceInfo(
        name="yahoo",
        label="Yahoo Finance",
        proxy=False,
        tickers=None,
        indices=None,
        kinds=frozenset({"bars", "index", "chain", "earnings"}),
    )

    def __init__(
        self,
        *,
        cache_dir: Path,
        session: Any = None,
        requests_per_minute: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`session` replaces the HTTP session; the file of the rate limit is in `cache_dir`."""
        self._pace = (
            Pace(cache_dir / "yahoo-requests.json", requests_per_minute, sleep=sleep)
            if requests_per_minute
            else None
        )
        self._session = session
        working = time.monotonic if self._pace is None else self._pace.working_seconds
        self._policy = RetryPolicy(sleep=sleep, clock=working)
        self._now = now

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Bars from `start` to `end`, with dividends and splits; one request.

        Raises :class:`SourceError`; :class:`ShortHistoryError` if the history ends before `end`.
        """
        require_ticker(ticker)

        def ask() -> pl.DataFrame:
            try:
                frame, chart = self._history(_symbol(ticker), start)
            except FetchError as fault:
                # Yahoo removes delisted symbols, or has no bars after the delisting.
                if fault.status == UNKNOWN or isinstance(fault, NoPricesError):
                    fault.bars = BAR_SCHEMA.to_frame()
                raise
            table = final_rows(yahoo_tables.bars(ticker, frame, chart), self._now())
            require_reach("yahoo", ticker, table, start, end, self._now())
            return table.filter(pl.col("date").is_between(start, end))

        return self._policy.call(ask, f"yahoo gave no bars of {ticker} for {start} to {end}")

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the index in points, e.g. VIX for Yahoo's ^VIX; one request.

        Raises :class:`SourceError`, also if no close lies in the range.
        """
        name = f"^{require_ticker(symbol)}"

        def ask() -> pl.DataFrame:
            frame, chart = self._history(name, start)
            table = final_rows(yahoo_tables.prices(frame, chart), self._now())
            begins = yahoo_tables.first_day(chart) or min(table["date"].to_list(), default=None)
            fault = why_no_answer(table, start, end, begins)
            if fault:
                raise FetchError(fault)
            table = table.filter(pl.col("date").is_between(start, end))
            table = table.with_columns(symbol=pl.lit(symbol), source=pl.lit("yahoo"))
            return table.select(INDEX_SCHEMA.names()).cast(dict(INDEX_SCHEMA))  # type: ignore[arg-type]

        return self._policy.call(ask, f"yahoo gave no bars of {name} for {start} to {end}")

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """All listed expiries as Yahoo shows them now; one request per expiry.

        Yahoo gives no time of a quote. `quoted_at` is the time of the underlying's last regular
        price; the quotes are some 15 minutes older. Raises :class:`SourceError` for a session
        other than the newest complete one.
        """
        require_ticker(ticker)
        what = f"yahoo gave no option chain of {ticker} for {session}"
        if session != newest_final_session(now):
            raise SourceError(
                f"{what} (it has only the present one, of {newest_final_session(now)}); "
                "ask for that session, or take older chains from OPTIONS_SOURCE=csv"
            )
        listed = self._open(_symbol(ticker))
        ask = partial(self._expiry, ticker, session, listed)
        parts = [self._policy.call(ask, what)]
        fetched = {str(expiry) for expiry in parts[0]["expiry"].unique()}
        parts += [
            self._policy.call(partial(ask, expiry), f"{what}, expiry {expiry}")
            for expiry in listed.options
            if expiry not in fetched
        ]
        return pl.concat(parts)

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Reports of Yahoo's earnings calendar, past and planned; one request per 100 reports."""
        require_ticker(ticker)
        what = f"yahoo gave no earnings of {ticker} for {start} to {end}"
        pages: list[pl.DataFrame] = []
        while not pages or (
            pages[-1].height == REPORTS_A_PAGE and pages[-1]["date"].min() > start  # type: ignore[operator]
        ):
            ask = partial(self._reports, ticker, len(pages) * REPORTS_A_PAGE)
            pages.append(self._policy.call(ask, what))
        reports = pl.concat(pages).unique(maintain_order=True)
        return reports.filter(pl.col("date").is_between(start, end)).sort("date")

    def _history(self, symbol: str, start: date) -> tuple[pd.DataFrame, Any]:
        """The history up to today as yfinance reads it, and the chart behind it."""
        listed = self._open(symbol)
        self._session.chart = None
        with raised_errors():
            frame = listed.history(
                start=start.isoformat(),
                interval="1d",
                auto_adjust=False,
                actions=True,
                keepna=True,
            )
        if frame is None or frame.empty or self._session.chart is None:
            raise FetchError("an empty answer")
        return cast("pd.DataFrame", frame), self._session.chart

    def _expiry(
        self, ticker: str, session: date, listed: Any, expiry: str | None = None
    ) -> pl.DataFrame:
        """The contracts of one expiry; of the nearest if it is None."""
        with raised_errors():
            options = listed.option_chain(expiry)
        if options.calls is None:
            # yfinance returns no underlying either, but keeps Yahoo's answer for it.
            if not listed._underlying:  # noqa: SLF001
                raise FetchError("an empty answer")
            raise FetchError("it lists no options", passing=False, advice="check the symbol")
        table = yahoo_tables.option_contracts(ticker, options)
        shown = table["quoted_at"][0].astimezone(NEW_YORK).date()
        if shown != session:
            raise FetchError(
                f"its quotes are of {shown}",
                passing=False,
                advice="fetch a chain after the close of its session, before the next one opens",
            )
        return table

    def _reports(self, ticker: str, offset: int) -> pl.DataFrame:
        """One page of the earnings calendar; empty for instruments that report none."""
        symbol = self._open(_symbol(ticker))
        with raised_errors():
            # yfinance caches pages, even those that it could not read.
            symbol._data.cache_get.cache_clear()  # noqa: SLF001
            page = symbol.get_earnings_dates(limit=REPORTS_A_PAGE, offset=offset)
        if page is not None:
            return yahoo_tables.earnings(ticker, page)
        if offset:
            return EARNINGS_SCHEMA.to_frame()
        recent = self._now().date() - LOOK_BACK
        kind = self._history(_symbol(ticker), recent)[1]["meta"].get("instrumentType")
        if kind in NO_COMPANIES:
            return EARNINGS_SCHEMA.to_frame()
        raise FetchError("the page holds no earnings dates")

    def _open(self, ticker: str) -> Any:
        from options_platform.adapters.sources.yahoo.session import YahooSession

        if self._session is None:
            self._session = YahooSession(pace=self._pace)
        return open_symbol(ticker, self._session)


def _symbol(ticker: str) -> str:
    """Yahoo's symbol of a ticker; a share class has a dash: BRK-B for BRK.B."""
    return ticker.replace(".", "-")


def open_source(options: SourceOptions) -> YahooSource:
    """Yahoo at the pace of the options."""
    return YahooSource(
        cache_dir=options.cache_dir,
        requests_per_minute=options.requests_per_minute.get(YahooSource.info.name),
    )
