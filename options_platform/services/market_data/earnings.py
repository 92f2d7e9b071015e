"""Bringing the dates of earnings reports up to date, and keeping what was known of them.

An answer first lengthens the record (`earnings_known`); `earnings`, the calendar as it is known
now, follows from the record. So a run that stops between the two is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from options_platform.adapters.ports.market_data import EarningsSource
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.earnings.known_dates import KnownDates, as_frame
from options_platform.domain.earnings.record import (
    REPORTED,
    SAME_REPORT,
    WITHDRAWN,
    Answer,
    lengthened,
    status_of,
)
from options_platform.domain.market.fetch_plan import FetchWindow
from options_platform.errors import SourceError
from options_platform.services.market_data.bars import request_rows
from options_platform.services.market_data.earnings_answers import ask, earnings_sources
from options_platform.services.market_data.one_market import require_same_market
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date

AHEAD = timedelta(days=120)


@dataclass(frozen=True)
class EarningsUpdate:
    """What became of a run: the rows that were stored, and why others could not be.

    `unknown` says by ticker why its dates could not be had; `nothing_given` says that the source
    has none of any ticker, and is None where it has.
    """

    rows: pl.DataFrame
    unknown: Mapping[str, str] = field(default_factory=dict)
    nothing_given: str | None = None


def update_earnings(platform: Platform, selected: PartitionRange) -> EarningsUpdate:
    """Record what the sources say of the reports up to four months after the range; store them.

    The first request of a ticker begins at the settings' first session, later ones 45 days before
    the range, or with the oldest report that was planned when it was last asked for. The stored
    reports of these days are replaced: one that moved is gone. Where the answer is empty only
    planned ones go; where there is none the stored ones stay. UsageError where the stored bars are
    of another market (`services.market_data.one_market`).
    """
    sources = earnings_sources(platform)
    if not sources:
        names = ", ".join(source.info.name for source in platform.earnings_sources())
        reason = f"source {names} gives no dates of earnings reports"
        return EarningsUpdate(EARNINGS.empty(), nothing_given=reason)
    for source in sources:
        require_same_market(platform.warehouse, source.info)
    written, unknown = [EARNINGS.empty()], {}
    for at, ticker in enumerate(selected.tickers):
        platform.progress("fetching earnings dates", at, len(selected.tickers))
        part = PartitionRange(selected.start, selected.end, (ticker,))
        try:
            written.append(_update(platform, sources, part))
        except SourceError as error:
            unknown[ticker] = str(error)
    return EarningsUpdate(pl.concat(written), unknown)


def known_dates(platform: Platform, ticker: str) -> KnownDates:
    """What was known of the ticker's reports, at any moment."""
    record = platform.warehouse.read(EARNINGS_KNOWN, tickers=[ticker])
    return KnownDates(ticker, record, platform.settings.earnings)


def _update(
    platform: Platform, sources: Sequence[EarningsSource], selected: PartitionRange
) -> pl.DataFrame:
    """Ask for one ticker and store the answer; the rows of `earnings` that were written."""
    warehouse, now, ticker = platform.warehouse, platform.now(), selected.tickers[0]
    today = now.astimezone(NEW_YORK).date()
    record = warehouse.read(EARNINGS_KNOWN, tickers=[ticker])
    start, end = _asked_from(platform, record, selected.start), selected.end + AHEAD
    told = ask(sources, ticker, start, end, today)
    told = told.with_columns(status=status_of(today))
    # An empty answer is no evidence that a report of the past never was.
    replaced_from = start if told.height else max(start, today + timedelta(days=1))
    added = lengthened(ticker, record, Answer(told, replaced_from, end, now))
    warehouse.upsert(EARNINGS_KNOWN, added)
    rows = _calendar(platform, ticker, told).filter(pl.col("date").is_between(replaced_from, end))
    if rows.height:
        scope = PartitionRange(replaced_from, end, (ticker,))
        warehouse.write([(EARNINGS, rows)], scope=scope)
    else:
        stored = warehouse.read(EARNINGS, tickers=[ticker], start=replaced_from, end=end)
        warehouse.remove([(EARNINGS, stored)])
    _note_request(platform, ticker, FetchWindow(start, end, _reason(record)), told)
    return rows


def _asked_from(platform: Platform, record: pl.DataFrame, start: date) -> date:
    first = first_date(platform.settings)
    if record.is_empty():
        return min(first, start)
    valid = record.filter(pl.col("known_until").is_null())
    pending = valid.filter(~pl.col("status").is_in([REPORTED, WITHDRAWN]))
    oldest: date = min([start - SAME_REPORT, *pending["date"].to_list()])
    return max(oldest, min(first, start))


def _calendar(platform: Platform, ticker: str, told: pl.DataFrame) -> pl.DataFrame:
    """The rows of `earnings` that follow from the record, with the figures of the answer."""
    now = platform.now()
    day = newest_date(platform.settings, now)
    known = as_frame(known_dates(platform, ticker).at(now, day)).drop("knowledge")
    figures = told.unique("date", keep="last", maintain_order=True).select(
        "date", "eps_estimate", "eps_reported", "other_date"
    )
    reported = pl.when(pl.col("status") == REPORTED).then(pl.col("eps_reported"))
    return (
        known.join(figures, on="date", how="left")
        .unique("date", keep="first", maintain_order=True)
        .with_columns(
            ticker=pl.lit(ticker),
            eps_reported=reported,
            fetched_at=pl.lit(now).cast(EARNINGS.schema["fetched_at"]),
        )
        .select(EARNINGS.schema.names())
    )


def _reason(record: pl.DataFrame) -> str:
    return "first" if record.is_empty() else "range"


def _note_request(platform: Platform, ticker: str, window: FetchWindow, told: pl.DataFrame) -> None:
    from options_platform.contracts import FETCHES

    names = "+".join(source.info.name for source in earnings_sources(platform))
    rows = request_rows(EARNINGS, ticker, [(window, told.height)], names, platform.now())
    platform.warehouse.upsert(FETCHES, rows)
