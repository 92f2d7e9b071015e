"""Made-up and bundled markets, in the schemas of `raw_ohlcv` and `vix`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.bars import clean_bars
from options_platform.domain.market.index_series import MODELLED, align_indices

NOW = datetime(2026, 1, 2, tzinfo=UTC)
START, END = date(2015, 1, 2), date(2017, 12, 29)


def random_market(
    tickers: Sequence[str] = ("AAA", "BBB"), start: date = START, end: date = END, seed: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Random walks with changing volatility, and a volatility index that follows it."""
    days = sessions(start, end)
    bars, vix = [], []
    for number, ticker in enumerate(tickers):
        random = np.random.default_rng([seed, number])
        volatility = 0.01 * np.exp(0.4 * np.cumsum(random.normal(0, 0.1, len(days))))
        volatility = np.clip(volatility, 0.003, 0.04)
        close = 100.0 * np.exp(np.cumsum(volatility * random.normal(0, 1, len(days))))
        spread = volatility * np.abs(random.normal(0, 1, (2, len(days))))
        opened = close * (1 + 0.3 * volatility * random.normal(0, 1, len(days)))
        index = 1600 * volatility * np.exp(0.05 * random.normal(0, 1, len(days)))
        shared = {"date": days, "ticker": ticker}
        bars.append(
            pl.DataFrame(
                {
                    **shared,
                    "open": opened,
                    "high": np.maximum(opened, close) * (1 + spread[0]),
                    "low": np.minimum(opened, close) * (1 - spread[1]),
                    "close": close,
                    "adj_close": close,
                    "volume": random.integers(100_000, 1_000_000, len(days)).astype(float),
                    "dividend": 0.0,
                    "split_ratio": 1.0,
                    "split_factor": 1.0,
                    "source": "test",
                    "bad_reason": pl.Series([None] * len(days), dtype=pl.String),
                    "fetched_at": NOW,
                }
            ).cast(RAW_OHLCV.schema)
        )
        vix.append(
            pl.DataFrame(
                {
                    **shared,
                    "iv_symbol": "VIX",
                    "iv_close": index,
                    "iv_age": 0,
                    "vix": index,
                    "vix_age": 0,
                    "source": "test",
                    "fetched_at": NOW,
                }
                | dict.fromkeys(MODELLED)
            ).cast(VIX.schema)
        )
    return (
        pl.concat(bars).select(RAW_OHLCV.schema.names()).sort("date", "ticker"),
        pl.concat(vix).select(VIX.schema.names()).sort("date", "ticker"),
    )


def from_source(
    source: MarketDataSource,
    first_year: int,
    last_year: int,
    tickers: Sequence[str] = ("SPY", "QQQ"),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that the assets `raw_ohlcv` and `vix` would store from this source."""
    days = sessions(date(first_year, 1, 1), date(last_year, 12, 31))
    first, last = days[0], days[-1]
    bars = pl.concat(
        [clean_bars(source.bars(t, first, last), days, "test", NOW).rows for t in tickers]
    )
    closes = source.index_bars("VIX", first, last)
    return bars, align_indices(bars, closes, dict.fromkeys(tickers, "VIX"), "test", NOW)
