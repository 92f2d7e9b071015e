"""Tables of market data: bars, volatility indices, and what was set aside."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, TIMESTAMP, Column, Table, price

RAW_OHLCV = Table(
    "raw_ohlcv",
    "Daily bars as the source gave them, cleaned; a bad or missing bar keeps its row, with null "
    "prices and its reason.",
    (
        DATE,
        TICKER,
        price("open", "first price"),
        price("high", "highest price"),
        price("low", "lowest price"),
        price("close", "official close"),
        price("adj_close", "close adjusted for splits and dividends; restated by the source"),
        Column("volume", pl.Float64, "traded volume, split-adjusted", "shares", low=0.0),
        Column("dividend", pl.Float64, "cash dividend with ex-date today", "USD a share", low=0.0),
        Column("split_ratio", pl.Float64, "new shares per old, effective today", "ratio", low=0.0),
        Column(
            "split_factor",
            pl.Float64,
            "product of all later split ratios known to the source: close x factor is the price "
            "as traded; null where the source knows no splits",
            "ratio",
            low=0.0,
        ),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("bad_reason", pl.String, "why the bar was set aside; null for a good bar"),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
)

VIX = Table(
    "vix",
    "The volatility index of each ticker, on the ticker's sessions.",
    (
        DATE,
        TICKER,
        Column("iv_symbol", pl.String, "volatility index of the ticker", nullable=False),
        Column("iv_close", pl.Float64, "close of `iv_symbol`", "index points", low=0.0),
        Column("iv_age", pl.Int32, "sessions since `iv_close` was published", "sessions", high=1),
        Column("vix", pl.Float64, "close of the VIX itself", "index points", low=0.0),
        Column("vix_age", pl.Int32, "sessions since `vix` was published", "sessions", high=1),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "Rows of a source that were set aside, as they came, with the rule that they broke.",
    (
        DATE,
        TICKER,
        Column("rule", pl.String, "rule that the row broke", nullable=False),
        Column("value", pl.String, "the row as it came, JSON", nullable=False),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("seen_at", TIMESTAMP, "when it was set aside", nullable=False),
    ),
    key=("date", "ticker", "rule", "value"),
)
