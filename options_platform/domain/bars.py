"""Cleaning daily bars: a bad bar is set aside with its reason, never dropped or repaired."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from options_platform.contracts import QUARANTINE, RAW_OHLCV
from options_platform.errors import SourceError, UsageError

TICKER_PATTERN = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}")
PRICES = ("open", "high", "low", "close")
TOLERANCE = 1e-6
MISSING = "missing"
NO_SESSION = "no_session"


@dataclass(frozen=True)
class CleanedBars:
    """`rows` for `raw_ohlcv`, one a session since the first bar, and what was `quarantined`."""

    rows: pl.DataFrame
    quarantined: pl.DataFrame


def require_ticker(ticker: str) -> str:
    """`ticker`, if it looks like one; :class:`UsageError` otherwise.

    Tickers become file names and request paths, so only upper-case letters, digits, dot and
    dash may stand in them.
    """
    if TICKER_PATTERN.fullmatch(ticker) is None:
        raise UsageError(
            f"{ticker!r} is no ticker: 1 to 10 of A-Z, 0-9, dot and dash, first a letter"
        )
    return ticker


def clean_bars(
    raw: pl.DataFrame, sessions: Sequence[date], source: str, fetched_at: datetime
) -> CleanedBars:
    """Judge the bars of one ticker, each by its own day alone.

    Rules, the first broken one names the reason: `duplicate_conflict` (a day twice with other
    values), `nan_price`, `non_positive_price`, `high_below_low`, `outside_range` (open or close
    beyond high or low by more than 1e-6 of the price), `negative_volume`, `missing` (a session
    without a bar), `no_session` (a bar on a day without a session: quarantined, no row).

    Args:
        raw: bars in `ports.BAR_SCHEMA`, one ticker, any order.
        sessions: the sessions that were asked for, ascending.
        source: name of the source that a missing session is put down to.
        fetched_at: when they were fetched.

    Raises :class:`SourceError` if none of the sessions has a bar.
    """
    raw = raw.unique(maintain_order=True)
    on_session = pl.col("date").is_in(list(sessions))
    judged = raw.with_columns(
        pl.when(~on_session).then(pl.lit(NO_SESSION)).otherwise(_broken_rule()).alias("rule")
    )
    on_days = judged.filter(on_session)
    if on_days.is_empty():
        span = f"{sessions[0]} to {sessions[-1]}" if sessions else "an empty range"
        ticker = raw["ticker"][0] if raw.height else "the ticker"
        raise SourceError(f"{source} has no bar of {ticker} for {span}; choose a later end")
    ticker = on_days["ticker"][0]
    first = on_days["date"].min()
    days = pl.DataFrame({"date": [d for d in sessions if d >= first]})  # type: ignore[operator]
    values = [
        name
        for name in RAW_OHLCV.schema.names()
        if name in raw.columns and name not in ("date", "ticker", "source")
    ]
    one_a_day = on_days.unique("date", keep="first", maintain_order=True)
    rows = (
        days.join(one_a_day, on="date", how="left")
        .with_columns(
            ticker=pl.lit(ticker),
            bad_reason=pl.when(pl.col("ticker").is_null())
            .then(pl.lit(MISSING))
            .otherwise(pl.col("rule")),
        )
        .with_columns(pl.when(pl.col("bad_reason").is_null()).then(pl.col(values)))
        .with_columns(
            pl.col("source").fill_null(source),
            fetched_at=pl.lit(fetched_at).cast(RAW_OHLCV.schema["fetched_at"]),
        )
        .select(RAW_OHLCV.schema.names())
        .sort("date")
    )
    missing = rows.filter(pl.col("bad_reason") == MISSING).select(
        "date", "ticker", rule="bad_reason"
    )
    broken = judged.filter(pl.col("rule").is_not_null())
    quarantined = pl.concat(
        [
            broken.select(
                "date",
                "ticker",
                "rule",
                pl.struct(pl.exclude("rule", "date", "ticker")).struct.json_encode().alias("value"),
            ),
            missing.with_columns(value=pl.lit("{}")),
        ]
    )
    quarantined = (
        quarantined.unique(maintain_order=True)
        .with_columns(
            source=pl.lit(source), seen_at=pl.lit(fetched_at).cast(QUARANTINE.schema["seen_at"])
        )
        .select(QUARANTINE.schema.names())
        .sort("date", "rule", "value")
    )
    return CleanedBars(rows, quarantined)


def _broken_rule() -> pl.Expr:
    prices = [pl.col(name) for name in PRICES]
    not_number = pl.any_horizontal(*(p.is_null() | p.is_nan() | p.is_infinite() for p in prices))
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    slack = 1.0 + TOLERANCE
    outside = (top > pl.col("high") * slack) | (bottom * slack < pl.col("low"))
    return (
        pl.when(pl.len().over("date") > 1)
        .then(pl.lit("duplicate_conflict"))
        .when(not_number)
        .then(pl.lit("nan_price"))
        .when(pl.any_horizontal(*(p <= 0 for p in prices)))
        .then(pl.lit("non_positive_price"))
        .when(pl.col("high") < pl.col("low"))
        .then(pl.lit("high_below_low"))
        .when(outside)
        .then(pl.lit("outside_range"))
        .when((pl.col("volume") < 0).fill_null(value=False))
        .then(pl.lit("negative_volume"))
    )
