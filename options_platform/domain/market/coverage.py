"""Completeness of the history: coverage by month, holes, freshness, quarantine, revisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.contracts import QUARANTINE
from options_platform.domain.calendar.sessions import ordinals, sessions


def holes_of(missing: pl.DataFrame) -> pl.DataFrame:
    """Group missing sessions (date, ticker) into holes: ticker, first, last, sessions; longest
    first."""
    numbered = missing.select("date", "ticker").join(ordinals(), on="date").sort("ticker", "date")
    step = pl.col("session").diff().over("ticker").fill_null(0) != 1
    return (
        numbered.with_columns(hole=step.cum_sum().over("ticker"))
        .group_by("ticker", "hole", maintain_order=True)
        .agg(first=pl.col("date").min(), last=pl.col("date").max(), sessions=pl.len())
        .drop("hole")
        .sort(["sessions", "ticker", "first"], descending=[True, False, False])
    )


def coverage_by_month(
    bars: pl.DataFrame, tickers: Sequence[str], start: date, end: date
) -> pl.DataFrame:
    """Sessions by ticker and month: ticker, month (its first day), sessions, good, set_aside,
    missing.

    `sessions` counts the calendar's sessions from `start` to `end`; `missing` counts sessions
    without a bar, including those before a ticker's first bar. `bars` are rows of `raw_ohlcv`.
    """
    calendar = pl.DataFrame({"date": sessions(start, end)}, schema={"date": pl.Date}).join(
        pl.DataFrame({"ticker": list(tickers)}, schema={"ticker": pl.String}), how="cross"
    )
    stored_bars = bars.select("date", "ticker", "bad_reason", stored=pl.lit(value=True))
    joined = calendar.join(stored_bars, on=["date", "ticker"], how="left")
    absent = pl.col("stored").is_null() | (pl.col("bad_reason") == "missing")
    absent = absent.fill_null(value=False)
    return (
        joined.group_by("ticker", month=pl.col("date").dt.truncate("1mo"))
        .agg(
            sessions=pl.len(),
            good=(pl.col("stored").is_not_null() & pl.col("bad_reason").is_null()).sum(),
            set_aside=(~absent & pl.col("bad_reason").is_not_null()).sum(),
            missing=absent.sum(),
        )
        .sort("ticker", "month")
    )


def gaps(bars: pl.DataFrame, tickers: Sequence[str], end: date) -> pl.DataFrame:
    """Holes in each ticker's history from its first bar to `end`, as :func:`holes_of` returns."""
    present = bars.filter((pl.col("bad_reason") != "missing").fill_null(value=True))
    firsts = present.group_by("ticker").agg(begun=pl.col("date").min())
    first = min(firsts["begun"].to_list(), default=end)
    wanted = (
        pl.DataFrame({"date": sessions(first, end)}, schema={"date": pl.Date})
        .join(firsts.filter(pl.col("ticker").is_in(list(tickers))), how="cross")
        .filter(pl.col("date") >= pl.col("begun"))
    )
    return holes_of(wanted.join(present, on=["date", "ticker"], how="anti"))


def freshness(
    rows: pl.DataFrame, tickers: Sequence[str], newest: date, value: str = "close"
) -> pl.DataFrame:
    """Newest data of each ticker: ticker, last, sessions_behind, fetched_at.

    `last` is the newest date with a `value`, `sessions_behind` the number of sessions after it up
    to `newest`; all are null for a ticker without data. `rows` are of `raw_ohlcv` or `vix`.
    """
    newest_rows = (
        rows.filter(pl.col(value).is_not_null())
        .group_by("ticker")
        .agg(last=pl.col("date").max(), fetched_at=pl.col("fetched_at").max())
    )
    number = ordinals().rename({"date": "last", "session": "last_session"})
    at = ordinals().filter(pl.col("date") <= newest)["session"].max()
    return (
        pl.DataFrame({"ticker": list(tickers)}, schema={"ticker": pl.String})
        .join(newest_rows, on="ticker", how="left", maintain_order="left")
        .join(number, on="last", how="left", maintain_order="left")
        .select(
            "ticker",
            "last",
            sessions_behind=(pl.lit(at) - pl.col("last_session")).clip(lower_bound=0),
            fetched_at="fetched_at",
        )
    )


def quarantine_summary(entries: pl.DataFrame) -> pl.DataFrame:
    """Quarantine entries by ticker, rule and severity: rows, open, accepted, rejected, first,
    last."""
    if entries.is_empty():
        entries = QUARANTINE.empty()
    return (
        entries.group_by("ticker", "rule", "severity")
        .agg(
            rows=pl.len(),
            open=(pl.col("status") == "open").sum(),
            accepted=(pl.col("status") == "accepted").sum(),
            rejected=(pl.col("status") == "rejected").sum(),
            first=pl.col("date").min(),
            last=pl.col("date").max(),
        )
        .sort("ticker", "rule", "severity")
    )


def revisions_summary(revisions: pl.DataFrame) -> pl.DataFrame:
    """Revisions by table, ticker and cause: changes, restatements, first_seen, last_seen."""
    return (
        revisions.group_by("table", "ticker", "cause")
        .agg(
            changes=pl.len(),
            restatements=pl.col("seen_at").n_unique(),
            first_seen=pl.col("seen_at").min(),
            last_seen=pl.col("seen_at").max(),
        )
        .sort("table", "ticker", "cause")
    )
