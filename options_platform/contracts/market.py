"""Tables of market data: bars, volatility indices, what was set aside, and what changed."""

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
        Column("fetched_at", TIMESTAMP, "when the row was first fetched", nullable=False),
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
        Column("fetched_at", TIMESTAMP, "when the row was first fetched", nullable=False),
    ),
)

SERIES = ("DGS3MO", "VIX9D", "VIX3M", "VIX6M")

MARKET_SERIES = Table(
    "market_series",
    "Series of the whole market beside the VIX: the 3-month Treasury yield (DGS3MO, what cash "
    "earns) and the VIX of 9, 93 and 182 days (VIX9D, VIX3M, VIX6M), where the source has them.",
    (
        Column("symbol", pl.String, "name of the series", nullable=False, values=SERIES),
        DATE,
        Column("value", pl.Float64, "close of the day", "percent a year, or index points"),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
    key=("symbol", "date"),
    partition=("symbol", "date"),
)

QUARANTINE_STATUSES = ("open", "accepted", "rejected")
SET_ASIDE, WARNING = "set_aside", "warning"

QUARANTINE = Table(
    "quarantine",
    "Rows of a source that broke a rule, as they came, and what was decided about them. Rows of "
    "an index stand under its symbol.",
    (
        DATE,
        TICKER,
        Column("rule", pl.String, "rule that the row broke", nullable=False),
        Column("value", pl.String, "the row as it came, JSON", nullable=False),
        Column(
            "severity",
            pl.String,
            "set_aside: not in the data; warning: the close is sound and used all the same",
            nullable=False,
            values=(SET_ASIDE, WARNING),
        ),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("seen_at", TIMESTAMP, "when it was first seen", nullable=False),
        Column(
            "status",
            pl.String,
            "accepted rows enter the data at the next materialisation, rejected ones never",
            nullable=False,
            values=QUARANTINE_STATUSES,
        ),
        Column("decided_at", TIMESTAMP, "when it was accepted or rejected"),
        Column("note", pl.String, "why it was accepted or rejected"),
    ),
    key=("date", "ticker", "rule", "value"),
)

CAUSES = ("dividend", "split", "correction", "accepted", "source")

REVISIONS = Table(
    "revisions",
    "What was stored and then changed: by bar, or once for a whole history with its factor.",
    (
        Column("seen_at", TIMESTAMP, "when the change was seen", nullable=False),
        Column("table", pl.String, "table that changed", nullable=False),
        Column(
            "date",
            pl.Date,
            "session of the changed row; with a `factor` the last one of all that it changed",
            nullable=False,
        ),
        TICKER,
        Column("column", pl.String, "column that changed", nullable=False),
        Column("old", pl.String, "value before, as text; null for none"),
        Column("new", pl.String, "value after, as text; null for none"),
        Column(
            "factor",
            pl.Float64,
            "new / old of every row up to `date`, where one factor changed them all",
            "ratio",
            low=0.0,
        ),
        Column("source", pl.String, "where the new value came from", nullable=False),
        Column("cause", pl.String, "what the change was", nullable=False, values=CAUSES),
    ),
    key=("seen_at", "table", "date", "ticker", "column", "cause"),
    partition=("seen_at", "table", "date", "ticker", "column", "cause"),
)

CORPORATE_ACTIONS = Table(
    "corporate_actions",
    "Cash dividends and splits, by ex-date, as the source told them beside its bars.",
    (
        DATE,
        TICKER,
        Column("dividend", pl.Float64, "cash dividend; 0 for none", "USD a share", low=0.0),
        Column("split_ratio", pl.Float64, "new shares per old; 1 for none", "ratio", low=0.0),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("seen_at", TIMESTAMP, "when it was first seen", nullable=False),
    ),
)

FETCHES = Table(
    "fetches",
    "What the sources were asked for: one row a request.",
    (
        Column("fetched_at", TIMESTAMP, "when it was asked for", nullable=False),
        Column("table", pl.String, "table that it was for", nullable=False),
        Column("ticker", pl.String, "ticker, or symbol of the index", nullable=False),
        Column("start", pl.Date, "first session asked for", nullable=False),
        Column("end", pl.Date, "last session asked for", nullable=False),
        Column(
            "reason",
            pl.String,
            "first: nothing was stored; range: the run's sessions and an overlap; restated: the "
            "overlap differed, so the whole history was asked for again",
            nullable=False,
            values=("first", "range", "restated"),
        ),
        Column("rows", pl.Int64, "rows that came", nullable=False, low=0),
        Column("source", pl.String, "the source", nullable=False),
    ),
    key=("fetched_at", "table", "ticker", "start", "reason"),
    partition=("fetched_at", "table", "ticker", "start", "reason"),
)
