"""The table of earnings reports."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import TICKER, TIMESTAMP, Column, Table

EARNINGS = Table(
    "earnings",
    "Earnings reports, past and planned, as the source knew them when it was last asked.",
    (
        Column("date", pl.Date, "day of the report", nullable=False),
        TICKER,
        Column(
            "timing",
            pl.String,
            "before the open or after the close; null where the source does not say",
            values=("before_open", "after_close"),
        ),
        Column("eps_estimate", pl.Float64, "expected earnings", "USD a share"),
        Column("eps_reported", pl.Float64, "reported earnings; null for planned ones"),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
    is_events=True,
)
