"""The table of earnings reports."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import TICKER, TIMESTAMP, Column, Table

EARNINGS = Table(
    "earnings",
    "Earnings reports, past and scheduled, as of the last fetch.",
    (
        Column("date", pl.Date, "day of the report", nullable=False),
        TICKER,
        Column(
            "timing",
            pl.String,
            "before the open or after the close; null if the source does not report it",
            values=("before_open", "after_close"),
        ),
        Column("eps_estimate", pl.Float64, "estimated earnings per share", "USD a share"),
        Column("eps_reported", pl.Float64, "reported earnings per share; null before the report"),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
    is_events=True,
)
