"""Real series bundled in the wheel of `arch`: the S&P 500, the Nasdaq Composite and the VIX.

The two indices are proxies for SPY and QQQ, scaled to the funds' price range, and always labelled
as such. The files are read without importing `arch`, which takes seconds.
"""

from __future__ import annotations

from datetime import date
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from options_platform.adapters.ports.market_data import BAR_SCHEMA, INDEX_SCHEMA, SourceInfo
from options_platform.adapters.sources.index_range import why_no_answer
from options_platform.adapters.sources.options import SourceOptions
from options_platform.errors import SourceError, UnknownSymbolError

FIRST, LAST = date(2010, 1, 4), date(2018, 12, 31)
# ticker -> (data set of arch, divisor that scales it to the fund's price range)
SERIES = {"SPY": ("sp500", 10.0), "QQQ": ("nasdaq", 40.0)}
INDICES = ("VIX",)


class SampleSource:
    """The bundled series; needs neither network nor keys."""

    info = SourceInfo(
        name="sample",
        label="bundled sample: S&P 500 / 10 as SPY, Nasdaq Composite / 40 as QQQ (index proxies)",
        proxy=True,
        tickers=tuple(SERIES),
        indices=INDICES,
        first_date=FIRST,
        last_date=LAST,
    )

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Scaled index bars, 2010 to 2018; dividends are null, there are no splits.

        Raises :class:`SourceError` for another ticker, or an `end` after the sample.
        """
        if ticker not in SERIES:
            raise SourceError(
                f"the sample has no {ticker}, only {', '.join(SERIES)}; set OPTIONS_TICKERS, or "
                "OPTIONS_SOURCE to yahoo, csv or simulated"
            )
        _require_covered(ticker, end)
        name, divisor = SERIES[ticker]
        raw = _read(name).filter(pl.col("date").is_between(max(start, FIRST), end))
        prices = {
            "open": "Open", "high": "High", "low": "Low", "close": "Close", "adj_close": "Adj Close"
        }  # fmt: skip
        return raw.select(
            "date",
            ticker=pl.lit(ticker),
            **{name: pl.col(column) / divisor for name, column in prices.items()},
            # The volume of an index is that of its members; 0 means unknown.
            volume=pl.when(pl.col("Volume") > 0).then(pl.col("Volume").cast(pl.Float64)),
            dividend=pl.lit(None, pl.Float64),
            split_ratio=pl.lit(1.0),
            split_factor=pl.lit(1.0),
            source=pl.lit("sample"),
        ).cast(dict(BAR_SCHEMA))  # type: ignore[arg-type]

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Closes of the VIX, 2014 to 2018; open, high and low are null.

        Raises :class:`SourceError` for another index, or a range without closes.
        """
        if symbol not in INDICES:
            raise UnknownSymbolError(f"the sample has no index {symbol}, only {', '.join(INDICES)}")
        closes = _read("vix").drop_nulls("vix").filter(pl.col("date") <= LAST)
        closes = closes.select("date", close="vix")
        fault = why_no_answer(closes, start, end, min(closes["date"].to_list()))
        if fault:
            raise SourceError(
                f"the sample has no closes of {symbol} for {start} to {end}: {fault}; choose an "
                "earlier end, or another OPTIONS_SOURCE"
            )
        return (
            closes.filter(pl.col("date").is_between(start, end))
            .select(
                "date",
                symbol=pl.lit(symbol),
                open=None,
                high=None,
                low=None,
                close=pl.col("close"),
                source=pl.lit("sample"),
            )
            .cast(dict(INDEX_SCHEMA))  # type: ignore[arg-type]
        )


def _require_covered(ticker: str, end: date) -> None:
    if end > LAST:
        raise SourceError(
            f"the sample of {ticker} ends {LAST}, before {end}; choose an earlier end, or another "
            "OPTIONS_SOURCE"
        )


def _read(name: str) -> pl.DataFrame:
    spec = find_spec("arch")
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        files = sorted((Path(folder) / "data" / name).glob("*.csv.gz"))
        if files:
            frame = pl.read_csv(files[0], infer_schema_length=None, null_values=".")
            return frame.select(
                pl.col("Date").str.to_date("%m/%d/%Y").alias("date"), pl.exclude("Date")
            )
    raise SourceError(f"the data set {name} of the package arch is missing; run: make install")


def open_source(_: SourceOptions) -> SampleSource:
    """The bundled series."""
    return SampleSource()
