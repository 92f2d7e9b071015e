"""The published volatility of stocks beside the model's inputs, session by session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.earnings.anchors import AFTER_CLOSE, BEFORE_OPEN
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.modelled_inputs import modelled_inputs
from options_platform.domain.earnings.record import REPORTED
from options_platform.domain.earnings.rules import EarningsRules

TICKERS = {"AAPL": "VXAPL", "AMZN": "VXAZN"}
"""The stocks with a published volatility index, and that index."""
LOWEST_CLOSE = 9.0
"""Closes below it are bad ticks: VXAZN has some, the least of them 5.13."""
FETCHED = datetime(2026, 1, 2, tzinfo=UTC)


def history(folder: Path, tickers: Sequence[str] = tuple(TICKERS)) -> pl.DataFrame:
    """Each session with a published volatility and all inputs of the model.

    Columns of :func:`modelled_inputs`, and ticker, `vix` and `own` (index points) and `hv_20` (an
    annual fraction). Dates of reports are those that a backfill takes as known on the session.
    """
    return pl.concat(_of_ticker(folder, ticker) for ticker in tickers)


def _of_ticker(folder: Path, ticker: str) -> pl.DataFrame:
    prices = _read(folder / f"prices/{ticker}.csv")
    closes = _read(folder / "vol/VIX.csv").select("date", vix="close")
    own = _read(folder / f"vol/{TICKERS[ticker]}.csv").select("date", own="close")
    own = own.filter(pl.col("own") >= LOWEST_CLOSE)
    known = KnownDates(ticker, record_of(folder, ticker), EarningsRules())
    daily = pl.col("close").log().diff()
    moved = prices.select("date", hv_20=daily.rolling_std(20) * 252.0**0.5)
    days = prices.join(own, on="date", how="semi")["date"].to_list()
    return (
        modelled_inputs(prices, known, days)
        .join(closes, on="date")
        .join(own, on="date")
        .join(moved, on="date")
        .filter(pl.col("missing").is_null())
        .with_columns(ticker=pl.lit(ticker))
    )


def record_of(folder: Path, ticker: str) -> pl.DataFrame:
    """The rows of `earnings_known` of a first fetch that gave the study's reports."""
    events = _read(folder / "earnings/events_2000_2024.csv").filter(pl.col("ticker") == ticker)
    is_early = pl.col("anchor") < pl.col("rep")
    timing = pl.when(is_early).then(pl.lit(BEFORE_OPEN)).otherwise(pl.lit(AFTER_CLOSE))
    rows = events.sort("rep").select(
        ticker="ticker",
        quarter_no=pl.int_range(1, pl.len() + 1),
        date="rep",
        timing=timing,
        status=pl.lit(REPORTED),
        source=pl.lit("csv"),
        known_from=pl.lit(FETCHED),
        known_until=pl.lit(None),
    )
    return rows.select(EARNINGS_KNOWN.schema.names()).cast(dict(EARNINGS_KNOWN.schema))


def _read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, try_parse_dates=True)
