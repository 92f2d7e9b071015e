"""Tables of market data: bars, volatility indices, quarantined rows, revisions and fetches."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, TIMESTAMP, Column, Table, price

RAW_OHLCV = Table(
    "raw_ohlcv",
    "Daily bars of the source after cleaning; a bad or missing bar keeps its row, with null "
    "prices and the reason.",
    (
        DATE,
        TICKER,
        price("open", "first price"),
        price("high", "highest price"),
        price("low", "lowest price"),
        price("close", "official close"),
        price("adj_close", "close adjusted for splits and dividends; restated by the source"),
        Column("volume", pl.Float64, "traded volume, split-adjusted", "shares", low=0.0),
        Column(
            "dividend", pl.Float64, "cash dividend, this is the ex-date", "USD a share", low=0.0
        ),
        Column(
            "split_ratio",
            pl.Float64,
            "new shares per old, effective this session",
            "ratio",
            low=0.0,
        ),
        Column(
            "split_factor",
            pl.Float64,
            "product of the split ratios of all later sessions: close x factor is the price as "
            "traded; null if the source reports no splits",
            "ratio",
            low=0.0,
        ),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("bad_reason", pl.String, "why the bar was set aside; null for a good bar"),
        Column("fetched_at", TIMESTAMP, "when the row was first fetched", nullable=False),
    ),
)

IV_MISSING = ("NO_REPORTS", "FEW_REPORTS", "SHORT_HISTORY", "NO_VIX")

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
        Column(
            "iv_missing",
            pl.String,
            "why a modelled volatility has no value: its ticker has no report that is known yet, "
            "fewer than eight, a short history of bars, or no VIX; null for one with a value and "
            "for published indices",
            values=IV_MISSING,
        ),
        Column(
            "event_var",
            pl.Float64,
            "variance that a modelled volatility has for the next report",
            "squared log move",
            low=0.0,
        ),
        Column("event_anchor", pl.Date, "last session before that report, as known on the day"),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was first fetched", nullable=False),
    ),
)

SERIES = ("DGS3MO", "VIX9D", "VIX3M", "VIX6M")

MARKET_SERIES = Table(
    "market_series",
    "Market-wide series other than the VIX: the 3-month Treasury yield (DGS3MO, the interest rate "
    "on cash) and the 9-day, 3-month and 6-month VIX (VIX9D, VIX3M, VIX6M), where the source has "
    "them.",
    (
        Column("symbol", pl.String, "name of the series", nullable=False, values=SERIES),
        DATE,
        Column("value", pl.Float64, "close of the day", "percent a year, or index points"),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
    key=("symbol", "date"),
    partition=("symbol", "date"),
)

QUARANTINE_STATUSES = ("open", "accepted", "rejected")
SET_ASIDE, WARNING = "set_aside", "warning"

QUARANTINE = Table(
    "quarantine",
    "Source rows that broke a data rule, as received, with the decision about each. A row of an "
    "index has the index symbol as its ticker.",
    (
        DATE,
        TICKER,
        Column("rule", pl.String, "rule that the row broke", nullable=False),
        Column("value", pl.String, "the row as received, JSON", nullable=False),
        Column(
            "severity",
            pl.String,
            "set_aside: kept out of the data; warning: the close is sound and is used",
            nullable=False,
            values=(SET_ASIDE, WARNING),
        ),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("seen_at", TIMESTAMP, "when the row was first received", nullable=False),
        Column(
            "status",
            pl.String,
            "open until a user decides; an accepted row enters the data at the next "
            "materialisation, a rejected row never does",
            nullable=False,
            values=QUARANTINE_STATUSES,
        ),
        Column("decided_at", TIMESTAMP, "when the row was accepted or rejected"),
        Column("note", pl.String, "why the row was accepted or rejected"),
    ),
    key=("date", "ticker", "rule", "value"),
)

CAUSES = ("dividend", "split", "correction", "accepted", "source", "measured anew")

REVISIONS = Table(
    "revisions",
    "Changes of stored values: one row per changed cell, or one row with a factor for a restated "
    "history.",
    (
        Column("seen_at", TIMESTAMP, "when the change was detected", nullable=False),
        Column("table", pl.String, "table that changed", nullable=False),
        Column(
            "date",
            pl.Date,
            "session of the changed row; with a `factor`, the last session that it changed",
            nullable=False,
        ),
        TICKER,
        Column("column", pl.String, "column that changed", nullable=False),
        Column("old", pl.String, "value before, as text; null for none"),
        Column("new", pl.String, "value after, as text; null for none"),
        Column(
            "factor",
            pl.Float64,
            "new / old, where one factor changed every row up to `date`; null otherwise",
            "ratio",
            low=0.0,
        ),
        Column("source", pl.String, "source of the new value", nullable=False),
        Column("cause", pl.String, "cause of the change", nullable=False, values=CAUSES),
    ),
    key=("seen_at", "table", "date", "ticker", "column", "cause"),
    partition=("seen_at", "table", "date", "ticker", "column", "cause"),
)

CORPORATE_ACTIONS = Table(
    "corporate_actions",
    "Cash dividends and splits by ex-date, as the source reported them with its bars.",
    (
        DATE,
        TICKER,
        Column("dividend", pl.Float64, "cash dividend; 0 for none", "USD a share", low=0.0),
        Column("split_ratio", pl.Float64, "new shares per old; 1 for none", "ratio", low=0.0),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("seen_at", TIMESTAMP, "when the row was first received", nullable=False),
    ),
)

FETCHES = Table(
    "fetches",
    "Requests to the sources, one row each.",
    (
        Column("fetched_at", TIMESTAMP, "time of the request", nullable=False),
        Column("table", pl.String, "table that the request fills", nullable=False),
        Column("ticker", pl.String, "ticker, or symbol of the index", nullable=False),
        Column("start", pl.Date, "first session requested", nullable=False),
        Column("end", pl.Date, "last session requested", nullable=False),
        Column(
            "reason",
            pl.String,
            "first: nothing was stored; range: the run's sessions and an overlap; restated: the "
            "overlap differed, so the whole history was requested again",
            nullable=False,
            values=("first", "range", "restated"),
        ),
        Column("rows", pl.Int64, "rows received", nullable=False, low=0),
        Column("source", pl.String, "source of the request", nullable=False),
    ),
    key=("fetched_at", "table", "ticker", "start", "reason"),
    partition=("fetched_at", "table", "ticker", "start", "reason"),
)

FAILED_TICKERS = Table(
    "failed_tickers",
    "Tickers whose source did not give what was asked for.",
    (
        Column("table", pl.String, "table that the request fills", nullable=False),
        Column("ticker", pl.String, "ticker", nullable=False),
        Column("start", pl.Date, "first session from which the ticker is left out", nullable=False),
        Column("reason", pl.String, "what is wrong, in one line; null once it has answered again"),
        Column("asked_at", TIMESTAMP, "time of the newest request", nullable=False),
    ),
    key=("table", "ticker"),
    partition=("table", "ticker"),
)
