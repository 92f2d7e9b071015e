"""Yahoo Finance through yfinance: daily bars with actions, and index closes.

`Ticker.history` with exceptions shown is used, never `download()`, which answers a refusal, an
HTML page and cut JSON alike with an empty frame. Every failure ends, after bounded retries, in
a SourceError that names ticker, dates and cause.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from options_platform.adapters.ports import BAR_SCHEMA, INDEX_SCHEMA, SourceInfo
from options_platform.domain.bars import require_ticker
from options_platform.domain.calendar import NEW_YORK, sessions
from options_platform.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

TIMEOUT_SECONDS = 20
PAUSES_SECONDS = (1.0, 4.0)


class YahooSource:
    """Bars are split-adjusted, `adj_close` also for dividends, as Yahoo gives them."""

    info = SourceInfo(name="yahoo", label="Yahoo Finance", proxy=False, tickers=None, indices=None)

    def __init__(
        self,
        *,
        cache_dir: Path,
        session: Any = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`session` replaces yfinance's own HTTP session; its caches go to `cache_dir`."""
        self._cache_dir = cache_dir
        self._session = session
        self._sleep = sleep

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Bars from `start` to `end`, with dividends and splits."""
        frame = self._history(require_ticker(ticker), start, end)
        table = _table(frame).with_columns(ticker=pl.lit(ticker), source=pl.lit("yahoo"))
        ratio = pl.when(pl.col("split_ratio") > 0).then(pl.col("split_ratio")).otherwise(1.0)
        table = table.with_columns(split_ratio=ratio)
        # The response reaches to today, so that splits after `end`, which its prices are
        # adjusted for, are known.
        later = pl.col("split_ratio").cum_prod(reverse=True).shift(-1, fill_value=1.0)
        table = table.with_columns(split_factor=later)
        table = table.filter(pl.col("date").is_between(start, end)).select(BAR_SCHEMA.names())
        _require_reach(ticker, table, start, end)
        return table.cast(dict(BAR_SCHEMA))  # type: ignore[arg-type]

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the index, e.g. VIX for Yahoo's ^VIX."""
        frame = self._history(f"^{require_ticker(symbol)}", start, end)
        table = _table(frame).filter(pl.col("date").is_between(start, end))
        table = table.with_columns(symbol=pl.lit(symbol), source=pl.lit("yahoo"))
        return table.select(INDEX_SCHEMA.names()).cast(
            dict(INDEX_SCHEMA)  # type: ignore[arg-type]
        )

    def _history(self, symbol: str, start: date, end: date) -> pd.DataFrame:
        cause: Exception | None = None
        for pause in (*PAUSES_SECONDS, None):
            try:
                return self._ask(symbol, start)
            except Exception as error:
                cause = error
            if pause is not None:
                self._sleep(pause)
        raise SourceError(
            f"yahoo gave no history of {symbol} for {start} to {end} "
            f"({_what(cause)}); try again later, or check the symbol"
        ) from cause

    def _ask(self, symbol: str, start: date) -> pd.DataFrame:
        import yfinance

        self._cache_dir.mkdir(parents=True, exist_ok=True)
        yfinance.set_tz_cache_location(str(self._cache_dir))
        with _shown_exceptions():
            ticker = yfinance.Ticker(symbol, session=self._session)
            # Else yfinance asks for the zone first, and keeps a refusal as it keeps an answer, so
            # that a second try would be answered from memory.
            ticker._tz = str(NEW_YORK)  # noqa: SLF001
            frame = ticker.history(
                start=start.isoformat(),
                interval="1d",
                auto_adjust=False,
                actions=True,
                timeout=TIMEOUT_SECONDS,
            )
        if frame is None or frame.empty:
            raise ValueError("an empty answer")
        return cast("pd.DataFrame", frame)


@contextmanager
def _shown_exceptions() -> Iterator[None]:
    import yfinance

    debug = yfinance.config.debug
    before = debug.hide_exceptions
    debug.hide_exceptions = False
    try:
        yield
    finally:
        debug.hide_exceptions = before


def _table(frame: pd.DataFrame) -> pl.DataFrame:
    names = {
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
        "adj_close": "Adj Close",
        "volume": "Volume",
        "dividend": "Dividends",
        "split_ratio": "Stock Splits",
    }
    columns = {
        name: pl.Series(name, frame[column].to_numpy(dtype="float64"), dtype=pl.Float64)
        if column in frame.columns
        else pl.Series(name, [None] * len(frame), dtype=pl.Float64)
        for name, column in names.items()
    }
    # The index holds New York midnights; the wall date is the session.
    days = [stamp.date() for stamp in frame.index]
    return pl.DataFrame({"date": pl.Series(days, dtype=pl.Date), **columns}).fill_nan(None)


def _require_reach(ticker: str, table: pl.DataFrame, start: date, end: date) -> None:
    wanted = sessions(max(start, end - timedelta(days=14)), end)
    last = max(table["date"].to_list(), default=None)
    if wanted and (last is None or last < wanted[-1]):
        raise SourceError(
            f"yahoo's history of {ticker} ends {last}, but {start} to {end} was asked for; "
            "try again later"
        )


def _what(error: Exception | None) -> str:
    # yfinance looks into any answer as if it were a chart, whatever its HTTP status, and guesses
    # at a delisting where Yahoo gives no reason of its own.
    if isinstance(error, json.JSONDecodeError):
        return "the answer is no JSON, or cut short"
    if isinstance(error, LookupError | TypeError | AttributeError) or (
        getattr(error, "yahoo_reason", "") is None
    ):
        return "the answer holds no prices"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:160] if lines else ''}"
