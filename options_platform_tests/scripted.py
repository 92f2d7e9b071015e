"""A source whose history a test rewrites, and that remembers what it was asked for."""

from datetime import date

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import BAR_SCHEMA, INDEX_SCHEMA, SourceInfo
from options_platform.domain.calendar.sessions import sessions

FIRST, LAST = date(2023, 1, 3), date(2024, 3, 28)


def calm_bars(ticker="SPY", start=FIRST, end=LAST, seed=3, **columns):
    """A quiet market with steady volume: nothing in it is an outlier."""
    days = sessions(start, end)
    random = np.random.default_rng([seed, len(ticker)])
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.008, len(days)))), 2)
    before = np.r_[close[0], close[:-1]]
    opened = np.round(before * np.exp(random.normal(0, 0.002, len(days))), 2)
    return pl.DataFrame(
        {
            "date": days,
            "ticker": ticker,
            "open": opened,
            "high": np.maximum(opened, close) + 0.25,
            "low": np.minimum(opened, close) - 0.25,
            "close": close,
            "adj_close": close,
            "volume": random.integers(900_000, 1_100_000, len(days)).astype(float),
            "dividend": 0.0,
            "split_ratio": 1.0,
            "split_factor": 1.0,
            "source": "scripted",
        }
        | columns
    ).cast(dict(BAR_SCHEMA))


def calm_index(symbol="VIX", start=FIRST, end=LAST):
    days = sessions(start, end)
    close = np.round(15 + 3 * np.sin(np.arange(len(days)) / 9) + np.arange(len(days)) * 0.001, 2)
    values = dict.fromkeys(("open", "high", "low", "close"), close)
    return pl.DataFrame({"date": days, "symbol": symbol, **values, "source": "scripted"}).cast(
        dict(INDEX_SCHEMA)
    )


def changed(frame, day, **values):
    """`frame` with other values on one day."""
    here = pl.col("date") == day
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, frame.schema[name])).otherwise(name).alias(name)
        for name, value in values.items()
    )


class ScriptedSource:
    def __init__(self, *tickers, name="scripted"):
        self.history = {ticker: calm_bars(ticker) for ticker in tickers or ("SPY",)}
        self.indices = {"VIX": calm_index()}
        self.asked = []
        self.info = SourceInfo(name, f"{name} history", False, None, None)

    def bars(self, ticker, start, end):
        self.asked.append((ticker, start, end))
        return self.history[ticker].filter(pl.col("date").is_between(start, end))

    def index_bars(self, symbol, start, end):
        self.asked.append((symbol, start, end))
        return self.indices[symbol].filter(pl.col("date").is_between(start, end))

    def forget(self):
        self.asked.clear()
