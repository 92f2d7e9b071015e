"""Reads one session out of a file of a month or a year; of Parquet only the row groups with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.sources.files.bulk.batches import (
    Batch,
    TextRules,
    read_batches,
    read_row_groups,
)
from options_platform.adapters.sources.files.bulk.head import Head, chain_head
from options_platform.adapters.sources.files.bulk.quotes import reading_of, typed
from options_platform.adapters.sources.files.chains import chain_of
from options_platform.errors import SourceError


def read_session(path: Path, ticker: str, session: date) -> pl.DataFrame | None:
    """The contracts of one ticker and session in SOURCE_CHAIN_SCHEMA; None if the file has none.

    Raises :class:`SourceError` for a file that is no file of chains with sessions, and for a row
    that cannot be read.
    """
    head = chain_head(path)
    if head is None or ("session" not in head.columns and not head.layout.stamped):
        raise SourceError(
            f"{path.name} is no readable file of option chains with the session of each quote; "
            "docs/file-layouts.md lists those that are"
        )
    reading = reading_of(head, ticker=ticker, only=ticker, session=None)
    frames = []
    for batch in _batches(head, session, reading.text_rules()):
        result = typed(reading, batch)
        if result.refused.height:
            line, reason, _ = result.refused.sort("line").row(0)
            place = f"line {line}" if head.separator else f"session {session}"
            raise SourceError(
                f"{path.name} {place}: {reason}; correct it, or set it aside with "
                "options-platform import"
            )
        frames.append(result.quotes.filter(pl.col("session") == session))
    quotes = pl.concat(frames) if frames else None
    if quotes is None or quotes.is_empty():
        return None
    return chain_of(path, quotes, ticker, session)


def read_all_sessions(path: Path, ticker: str) -> pl.DataFrame:
    """The quotes of one ticker in a file of chains, with their `session`, in the file's order.

    Raises :class:`SourceError` for a file that has quotes of other tickers, no sessions, or a row
    that cannot be read.
    """
    head = chain_head(path)
    advice = "it cannot be joined with an import; move it away, and import it too"
    if head is None or "session" not in head.columns:
        raise SourceError(f"{path} is no file of chains with the session of each quote: {advice}")
    reading = reading_of(head, ticker=ticker, only=ticker, session=None)
    frames = []
    for batch in read_batches(head, rules=reading.text_rules()):
        result = typed(reading, batch)
        if result.refused.height or result.others:
            raise SourceError(
                f"{path} has {result.refused.height} quotes that cannot be read and "
                f"{result.others} of other tickers than {ticker}: {advice}"
            )
        frames.append(result.quotes)
    if not frames:
        raise SourceError(f"{path} has no quotes: {advice}")
    return pl.concat(frames).drop("ticker")


def _batches(head: Head, session: date, rules: TextRules) -> Iterator[Batch]:
    if head.separator:
        yield from read_batches(head, rules=rules)
        return
    groups = _row_groups(head, session)
    if groups:
        yield from read_row_groups(head, groups)


def _row_groups(head: Head, session: date) -> list[int]:
    """The row groups that may have quotes of the session, by the smallest and largest of each."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(head.path)
    at = head.names.index(head.columns["session"])
    return [
        group
        for group in range(metadata.num_row_groups)
        if _may_have(metadata.row_group(group).column(at).statistics, session)
    ]


def _may_have(statistics: Any, session: date) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    try:
        first, last = (
            date.fromisoformat(str(value)[:10]) for value in (statistics.min, statistics.max)
        )
    except ValueError:
        return True
    # A time in UTC may be of the session before.
    slack = timedelta(days=0 if type(statistics.min) is date else 1)
    return first - slack <= session <= last + slack
