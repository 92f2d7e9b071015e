"""The partitions of every partitioned asset: New York sessions x tickers.

The key of session D appears at 00:00 New York of the next calendar day. A run over many partitions
has the first and the last key in its tags; it covers the sessions between their dates and the
tickers between their tickers, in the settings' order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from options_platform.common import PartitionRange
from options_platform.domain.calendar.sessions import calendar_cache, holidays
from options_platform.errors import UsageError
from options_platform.settings import Settings

TIMEZONE = "America/New_York"
WEEKENDS = ("0 0 * * 6", "0 0 * * 0")
DATE, TICKER = "date", "ticker"

# Marks a run of the shell's `backfill`; Dagster's own backfills carry `dagster/backfill`.
BACKFILL_TAG = "options_platform/backfill"


def session_partitions(start: date, end: date | None) -> dg.DailyPartitionsDefinition:
    """One partition per New York session from `start` to `end`; without an end if it is None."""
    closed = [
        datetime(day.year, day.month, day.day)  # noqa: DTZ001 (Dagster reads it in `timezone`)
        for day in sorted(holidays())
        if day >= start and (end is None or day <= end)
    ]
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(),
        end_date=None if end is None else (end + timedelta(days=1)).isoformat(),
        timezone=TIMEZONE,
        exclusions=[*WEEKENDS, *closed],
    )


class SessionsByTicker(dg.MultiPartitionsDefinition):
    """Sessions x tickers, which keeps the keys of the range that it was asked for last.

    Dagster asks for a run's keys at each input of each asset, and makes every key anew each time.
    """

    def __init__(self, days: dg.PartitionsDefinition, tickers: dg.PartitionsDefinition) -> None:
        super().__init__({DATE: days, TICKER: tickers})
        self._kept: tuple[dg.PartitionKeyRange, Sequence[dg.MultiPartitionKey]] | None = None

    def get_partition_keys_in_range(
        self, partition_key_range: dg.PartitionKeyRange, dynamic_partitions_store: Any = None
    ) -> Sequence[dg.MultiPartitionKey]:
        """The keys of a range, between its dates and between its tickers."""
        kept = self._kept
        if kept is None or kept[0] != partition_key_range:
            keys = super().get_partition_keys_in_range(
                partition_key_range, dynamic_partitions_store
            )
            # One assignment, since a web server asks from several threads.
            kept = (partition_key_range, cast("Sequence[dg.MultiPartitionKey]", keys))
            self._kept = kept
        return list(kept[1])


def platform_partitions(settings: Settings) -> dg.MultiPartitionsDefinition:
    """Sessions x tickers, in the settings' order of tickers; one object for all assets."""
    return _partitions(settings.start, settings.end, settings.tickers)


@calendar_cache
def _partitions(start: date, end: date | None, tickers: tuple[str, ...]) -> SessionsByTicker:
    return SessionsByTicker(
        session_partitions(start, end), dg.StaticPartitionsDefinition(list(tickers))
    )


def partition_key(day: date, ticker: str) -> dg.MultiPartitionKey:
    """The key of the partition of a session and a ticker."""
    return dg.MultiPartitionKey({DATE: day.isoformat(), TICKER: ticker})


def range_tags(selected: PartitionRange) -> dict[str, str]:
    """The run tags that select these partitions; the tickers must be neighbours."""
    first = partition_key(selected.start, selected.tickers[0])
    last = partition_key(selected.end, selected.tickers[-1])
    return {
        ASSET_PARTITION_RANGE_START_TAG: str(first),
        ASSET_PARTITION_RANGE_END_TAG: str(last),
    }


def range_between(first: str, last: str, tickers: tuple[str, ...]) -> PartitionRange:
    """The range between two partition keys, `YYYY-MM-DD|TICKER`.

    Raises :class:`UsageError` for an unknown ticker, and for a range that runs backwards: Dagster
    would select nothing and report success.
    """
    start, first_ticker = _parse(first, tickers)
    end, last_ticker = _parse(last, tickers)
    low, high = tickers.index(first_ticker), tickers.index(last_ticker)
    if start > end or low > high:
        raise UsageError(
            f"the partition range {first} to {last} runs backwards (tickers are ordered "
            f"{', '.join(tickers)}); swap its ends"
        )
    return PartitionRange(start, end, tickers[low : high + 1])


def _parse(key: str, tickers: tuple[str, ...]) -> tuple[date, str]:
    day, _, ticker = key.partition("|")
    if ticker not in tickers:
        raise UsageError(
            f"{ticker or key!r} is not among the tickers {', '.join(tickers)}; "
            "add it to OPTIONS_TICKERS"
        )
    return date.fromisoformat(day), ticker


def neighbours(tickers: tuple[str, ...], pool: tuple[str, ...]) -> list[tuple[str, ...]]:
    """`tickers` in the pool's order, in groups of neighbours, since a range covers neighbours."""
    groups: list[tuple[str, ...]] = []
    current: list[str] = []
    for ticker in pool:
        if ticker in tickers:
            current.append(ticker)
        elif current:
            groups.append(tuple(current))
            current = []
    return [*groups, tuple(current)] if current else groups
