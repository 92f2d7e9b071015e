"""`earnings_events`: what past reports did, from the record, bars, volatility and chains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import KEY, PartitionRange
from options_platform.contracts import EARNINGS_EVENTS, EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.chain_events import CHAIN_COLUMNS, event_variance
from options_platform.domain.earnings.event_variance import SESSIONS_A_YEAR
from options_platform.domain.earnings.events import past_events
from options_platform.domain.earnings.known_dates import KnownDates, as_frame
from options_platform.domain.earnings.straddles import implied_move
from options_platform.services.earnings.stored import StoredSeries, stored_series
from options_platform.services.market_data.platform import Platform

COMPLETED_SESSIONS = 5
"""Sessions after an event by which all its columns are known."""
BASE_WINDOWS = (20, 60)


@dataclass(frozen=True)
class EventsUpdate:
    """The rows of the range, and those before it that were added or changed."""

    rows: pl.DataFrame
    earlier: pl.DataFrame


def update_events(platform: Platform, selected: PartitionRange) -> EventsUpdate:
    """Store the events up to the range's end, of the reports as they are known at its close.

    All events of a ticker are computed and compared with the stored ones, since a report that is
    corrected changes an event of the past. Nothing is written if none has changed.
    """
    empty = EARNINGS_EVENTS.empty()
    record = platform.warehouse.read(EARNINGS_KNOWN, tickers=selected.tickers)
    if record.is_empty():
        return EventsUpdate(empty, empty)
    tickers = [t for t in selected.tickers if t in set(record["ticker"].to_list())]
    series = stored_series(platform, tickers, shift(selected.end, COMPLETED_SESSIONS))
    rules = platform.settings.earnings
    made = pl.concat(
        [
            _events(platform, ticker, KnownDates(ticker, record, rules), series[ticker],
                    selected.end)
            for ticker in tickers
        ]
    ).sort(KEY)  # fmt: skip
    stored = platform.warehouse.read(EARNINGS_EVENTS, tickers=tickers, end=selected.end)
    if not made.equals(stored.sort(KEY)):
        if made.is_empty():
            platform.warehouse.remove([(EARNINGS_EVENTS, stored)])
        else:
            first = min([*made["date"].to_list(), *stored["date"].to_list()])
            scope = PartitionRange(first, selected.end, tuple(tickers))
            platform.warehouse.write([(EARNINGS_EVENTS, made)], scope=scope)
    before = pl.col("date") < selected.start
    changed = made.join(stored, on=made.columns, how="anti", nulls_equal=True)
    return EventsUpdate(made.filter(~before), changed.filter(before))


def _events(
    platform: Platform, ticker: str, known: KnownDates, series: StoredSeries, end: date
) -> pl.DataFrame:
    reports = as_frame(report for report in known.on(end) if report.reaction <= end)
    events = past_events(reports, series.bars, series.volatility, series.market)
    priced = _priced_by_chains(platform, ticker, events, series)
    return (
        priced.with_columns(date=pl.col("reaction"), ticker=pl.lit(ticker))
        .filter(pl.col("date") <= end)
        .select(EARNINGS_EVENTS.schema.names())
    )


def _priced_by_chains(
    platform: Platform, ticker: str, events: pl.DataFrame, series: StoredSeries
) -> pl.DataFrame:
    """`events` with the move that the chain at the anchor priced, where one is stored."""
    stored = {day for day, _ in platform.chains.stored(tickers=[ticker])}
    if stored.isdisjoint(events["anchor"].to_list()):
        return events
    reactions = events["reaction"].to_list()
    rows: list[dict[str, Any]] = []
    for row in events.iter_rows(named=True):
        variance = (
            chain_variance(platform, ticker, row["anchor"], row["reaction"], series, reactions)
            if row["anchor"] in stored
            else None
        )
        if variance is not None:
            priced = implied_move(variance)
            row |= {
                "event_sigma": variance**0.5, "implied_move": priced, "implied_source": "chain",
                "move_ratio": abs(row["move"]) / priced,
            }  # fmt: skip
        rows.append(row)
    return pl.DataFrame(rows, schema=events.schema)


def chain_variance(
    platform: Platform,
    ticker: str,
    day: date,
    reaction: date,
    series: StoredSeries,
    reactions: list[date],
) -> float | None:
    """The variance that the stored chain of `day` prices for a report; None if it cannot say."""
    chain = platform.chains.readable((day, ticker), columns=CHAIN_COLUMNS)
    if chain.is_empty():
        return None
    bars = series.bars.filter(pl.col("date") <= day)
    vols = [vol_without(bars, reactions, window) for window in BASE_WINDOWS]
    known = [vol * SESSIONS_A_YEAR**0.5 for vol in vols if vol is not None]
    return event_variance(chain, day, reaction, min(known, default=0.0))


def vol_without(bars: pl.DataFrame, reactions: list[date], window: int) -> float | None:
    """The root mean square of the last `window` log returns but reactions, a session.

    None with less than 60% of the window's returns.
    """
    recent = bars.tail(window + 1)
    if recent.height <= window:
        return None
    returns = np.diff(np.log(recent["close"].to_numpy()))
    usable = returns[~recent["date"][1:].is_in(reactions).to_numpy()]
    if usable.size < 0.6 * window:
        return None
    return float(np.sqrt(np.mean(usable**2)))
