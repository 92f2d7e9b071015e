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
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import EARNINGS, EARNINGS_KNOWN, FETCHES
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
from options_platform.domain.market.index_series import may_be_stock
from options_platform.errors import SourceError, UnknownSymbolError
from options_platform.services.market_data.bars import request_rows
from options_platform.services.market_data.earnings_answers import ask, earnings_sources
from options_platform.services.market_data.one_market import require_same_market
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date

AHEAD = timedelta(days=120)


@dataclass(frozen=True)
class EarningsUpdate:
    """What became of a run: the rows that were stored, and why others could not be.

    `unknown` says by ticker why its dates could not be had, and `not_listed` which of these tickers
    no source has; `nothing_given` says that the source has none of any ticker, and is None where it
    has. `asked` are all tickers of the run.
    """

    rows: pl.DataFrame
    unknown: Mapping[str, str] = field(default_factory=dict)
    nothing_given: str | None = None
    not_listed: frozenset[str] = frozenset()
    asked: tuple[str, ...] = ()

    def unanswered(self, funds: Sequence[str]) -> dict[str, str]:
        """The tickers that need dates and got none, and why.

        A known fund, as those that `funds` adds, needs none: it has no file of reports. Nor does a
        stock where no other has one either: these are files of prices alone, and the plans say
        that its reports are not known.
        """
        stocks = {ticker for ticker in self.asked if may_be_stock(ticker, funds)}
        needed = set() if stocks <= self.not_listed else stocks
        return {
            ticker: f"no earnings dates: {why}"
            for ticker, why in self.unknown.items()
            if ticker not in self.not_listed or ticker in needed
        }


def update_earnings(platform: Platform, selected: PartitionRange) -> EarningsUpdate:
    """Record what the sources say of the reports; store them.

    They are asked up to four months after the range, or after the newest session if that is later.

    The first request of a ticker begins at the settings' first session. Later ones begin 45 days
    before the range, or before the day of the newest request if that is earlier, and no later than
    the oldest report that is recorded as planned. The stored
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
    tickers = selected.tickers
    record = platform.warehouse.read(EARNINGS_KNOWN, tickers=tickers)
    asked = platform.warehouse.read(FETCHES, tickers=tickers)
    asked = asked.filter(pl.col("table") == EARNINGS.name)
    stored = platform.warehouse.read(EARNINGS, columns=KEY, tickers=tickers)
    written, requests, unknown = [EARNINGS.empty()], [FETCHES.empty()], {}
    not_listed: set[str] = set()
    for at, ticker in enumerate(tickers):
        platform.progress("fetching earnings dates", at, len(tickers))
        known = _Known(
            ticker,
            record.filter(pl.col("ticker") == ticker),
            stored.filter(pl.col("ticker") == ticker),
            asked.filter(pl.col("ticker") == ticker),
        )
        try:
            rows, request = _update(platform, sources, known, selected)
        except SourceError as error:
            unknown[ticker] = str(error)
            if isinstance(error, UnknownSymbolError):
                not_listed.add(ticker)
            continue
        written.append(rows)
        requests.append(request)
    platform.warehouse.upsert(FETCHES, pl.concat(requests))
    return EarningsUpdate(
        pl.concat(written), unknown, not_listed=frozenset(not_listed), asked=tickers
    )


@dataclass(frozen=True)
class _Known:
    """What is stored of a ticker before its answer: its record, the keys of its calendar, and the
    requests for it so far."""

    ticker: str
    record: pl.DataFrame
    stored: pl.DataFrame
    asked: pl.DataFrame


def _update(
    platform: Platform,
    sources: Sequence[EarningsSource],
    known: _Known,
    selected: PartitionRange,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ask for one ticker and store the answer: the rows of `earnings`, the request."""
    warehouse, now, ticker = platform.warehouse, platform.now(), known.ticker
    today = now.astimezone(NEW_YORK).date()
    newest = newest_date(platform.settings, now)
    start = _first_day(platform, known, selected.start)
    # A source that says when its dates became known is asked for all of them: what is recorded
    # first of a time stays, however a backfill was cut.
    end = max(selected.end, newest) + AHEAD
    told = ask(sources, ticker, start, end, today).with_columns(status=status_of(today))
    # An empty answer is no evidence that a report of the past never was.
    replaced_from = start if told.height else max(start, today + timedelta(days=1))
    added = lengthened(ticker, known.record, Answer(told, replaced_from, end, now))
    warehouse.upsert(EARNINGS_KNOWN, added)
    kept = known.record.join(added, on=EARNINGS_KNOWN.key, how="anti")
    replaced = pl.col("date").is_between(replaced_from, end)
    rows = _calendar(platform, ticker, pl.concat([kept, added]), told).filter(replaced)
    gone = known.stored.filter(replaced)
    if rows.height:
        scope = PartitionRange(replaced_from, end, (ticker,))
        warehouse.write([(EARNINGS, rows)], scope=scope)
    elif gone.height:
        warehouse.remove([(EARNINGS, gone)])
    reason = "first" if known.asked.is_empty() else "range"
    names = "+".join(source.info.name for source in sources)
    window = FetchWindow(start, end, reason)
    return rows, request_rows(EARNINGS, ticker, [(window, told.height)], names, now)


def _first_day(platform: Platform, known: _Known, start: date) -> date:
    """The first day to ask for; see :func:`update_earnings`."""
    first = min(first_date(platform.settings), start)
    if known.asked.is_empty() or min(known.asked["start"].to_list()) > first:
        return first
    newest: date = max(known.asked["end"].to_list()) - AHEAD
    valid = known.record.filter(pl.col("known_until").is_null())
    pending = valid.filter(~pl.col("status").is_in([REPORTED, WITHDRAWN]))["date"].to_list()
    oldest: date = min([start - SAME_REPORT, newest - SAME_REPORT, *pending])
    return max(oldest, first)


def _calendar(
    platform: Platform, ticker: str, record: pl.DataFrame, told: pl.DataFrame
) -> pl.DataFrame:
    """The rows of `earnings` that follow from the record, with the figures of the answer."""
    now = platform.now()
    day = newest_date(platform.settings, now)
    known = KnownDates(ticker, record, platform.settings.earnings).at(now, day)
    figures = told.unique("date", keep="last", maintain_order=True).select(
        "date", "eps_estimate", "eps_reported", "other_date"
    )
    reported = pl.when(pl.col("status") == REPORTED).then(pl.col("eps_reported"))
    return (
        as_frame(known)
        .join(figures, on="date", how="left")
        .unique("date", keep="first", maintain_order=True)
        .with_columns(
            ticker=pl.lit(ticker),
            eps_reported=reported,
            fetched_at=pl.lit(now).cast(EARNINGS.schema["fetched_at"]),
        )
        .select(EARNINGS.schema.names())
    )
