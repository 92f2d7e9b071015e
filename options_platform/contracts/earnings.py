"""The tables of earnings reports: their dates now, and what was known of them and when."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import TICKER, TIMESTAMP, Column, Table

TIMINGS = ("before_open", "after_close")
STATUSES = ("reported", "confirmed", "estimated", "projected")
TIMING_SOURCES = ("source", "edgar", "setting", "assumed")

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
            values=TIMINGS,
        ),
        Column("eps_estimate", pl.Float64, "estimated earnings per share", "USD a share"),
        Column("eps_reported", pl.Float64, "reported earnings per share; null before the report"),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
        Column(
            "status",
            pl.String,
            "reported: it is out; confirmed: the source gives its timing; estimated: the source "
            "gives a day alone; projected: of no source, a year after the report of the same "
            "quarter",
            values=STATUSES,
        ),
        Column("anchor", pl.Date, "last session that closes before the report"),
        Column("reaction", pl.Date, "first session that knows the report, the one after `anchor`"),
        Column(
            "timing_source",
            pl.String,
            "where the timing behind `anchor` is from: the source, edgar, the setting "
            "earnings.timing, or assumed, which is after the close",
            values=TIMING_SOURCES,
        ),
        Column("other_date", pl.Date, "day of the report in another source, where it differs"),
    ),
    is_events=True,
)

EARNINGS_KNOWN = Table(
    "earnings_known",
    "What was known of each report, and when. Rows are only added: a report that moves ends its "
    "row (`known_until`, which nothing else changes) and begins another. What was known at a time "
    "are the rows with known_from <= time < known_until.",
    (
        TICKER,
        Column(
            "quarter_no",
            pl.Int64,
            "number of the report, the same however its date moves: in order of date at the first "
            "fetch, then in the order in which reports became known",
            nullable=False,
        ),
        Column("date", pl.Date, "day of the report", nullable=False),
        Column(
            "timing",
            pl.String,
            "before the open or after the close; null if the source does not report it",
            values=TIMINGS,
        ),
        Column(
            "status",
            pl.String,
            "as in `earnings`, or withdrawn: the source lists it no more",
            nullable=False,
            values=("reported", "confirmed", "estimated", "withdrawn"),
        ),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("known_from", TIMESTAMP, "when the source first said so", nullable=False),
        Column("known_until", TIMESTAMP, "when it said otherwise; null while it is valid"),
    ),
    key=("ticker", "quarter_no", "known_from"),
    partition=("ticker", "quarter_no", "known_from"),
)
