"""Bringing market data up to date: ask the source for what is missing, compare, judge, record.

A run asks for its own sessions, for what is missing before them and for a small overlap. Where
the overlap differs from what is stored, the source has restated its history, and the whole of it
is asked for again. What changes in stored rows is told in `revisions`, what breaks a rule in
`quarantine`; the caller writes all of it in one transaction with the rows.

A ticker that has no bar of the last session (halted, delisted) does not stop the others: its
sessions are `missing`. That the ticker has none, and not that the source is late, is shown by
another ticker's bar of the session (`held_sessions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import (
    CORPORATE_ACTIONS,
    FETCHES,
    QUARANTINE,
    RAW_OHLCV,
    REVISIONS,
    Table,
)
from options_platform.contracts.market import SET_ASIDE, WARNING
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.bars import REJECTED, CleanedBars, absent_bars, clean_bars
from options_platform.domain.market.corporate_actions import corporate_actions, new_actions
from options_platform.domain.market.cross_source import confirmed_days
from options_platform.domain.market.fetch_plan import FetchWindow, fetch_window
from options_platform.domain.market.outliers import JUMP, SPIKE, UNADJUSTED_SPLIT
from options_platform.domain.market.quarantine import MISSING, decisions_on, merge_entries
from options_platform.domain.market.revisions import (
    RECORDED,
    changed_rows,
    find_revisions,
    is_restated,
    keeps_basis,
    merge_rows,
)
from options_platform.errors import ShortHistoryError, SourceError
from options_platform.services.market_data.held_sessions import HeldSessions
from options_platform.services.market_data.one_market import require_same_market

# Adjusted closes follow each dividend and are used by nothing: no row depends on them.
DEPENDED_ON = tuple(name for name in RECORDED if name != "adj_close")


@dataclass(frozen=True)
class UpdateRequest(PartitionRange):
    """The partitions that a run is to bring up to date.

    A ticker's history begins at `first`; `overlap` sessions are asked for again each time; `pool`
    are all tickers of the platform, which others of its runs bring up to date.
    """

    first: date
    overlap: int
    pool: tuple[str, ...] = ()


@dataclass(frozen=True)
class Update:
    """Rows to store, and what is told of them.

    `outside` has the keys of rows beyond the range asked for that are new or whose dependants
    are stale now; `restated` the tickers or symbols whose history the source restated.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    revisions: pl.DataFrame
    fetches: pl.DataFrame
    outside: pl.DataFrame
    actions: pl.DataFrame = field(default_factory=CORPORATE_ACTIONS.empty)
    restated: tuple[str, ...] = ()
    set_aside: int = 0

    def summary(self) -> dict[str, Any]:
        """What a run tells of it."""
        return {
            "requests": self.fetches.height,
            "bars_set_aside": self.set_aside,
            "earlier_rows_written": self.outside.height,
            "revisions": self.revisions.height,
            "restated": ", ".join(self.restated) or "none",
        }

    def frames(self, table: Table) -> list[tuple[Table, pl.DataFrame]]:
        """What one transaction writes; of tickers that are not listed yet the requests alone."""
        beside = [
            (QUARANTINE, self.quarantine),
            (REVISIONS, self.revisions),
            (CORPORATE_ACTIONS, self.actions),
        ]
        if self.rows.is_empty():
            return [(FETCHES, self.fetches), *beside]
        return [(table, self.rows), *beside, (FETCHES, self.fetches)]


@dataclass(frozen=True)
class _Stored:
    """What is stored of one ticker."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    actions: pl.DataFrame
    fetches: pl.DataFrame


def update_bars(
    source: MarketDataSource,
    warehouse: Warehouse,
    asked: UpdateRequest,
    now: datetime,
    *,
    second: MarketDataSource | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Update:
    """The bars of all tickers asked for; see the module.

    `second` is a source that is asked about outliers. Raises
    :class:`~options_platform.errors.SourceError` where the source gives nothing usable, and
    UsageError where the stored bars are of another market (`one_market`).
    """
    require_same_market(warehouse, source.info)
    tables = {
        table.name: warehouse.read(table, tickers=asked.tickers)
        for table in (RAW_OHLCV, QUARANTINE, CORPORATE_ACTIONS, FETCHES)
    }
    parts: dict[str, Update] = {}
    is_part = set(asked.tickers) < set(asked.pool)
    held = HeldSessions(source, warehouse, index_counts=is_part)
    waiting = list(asked.tickers)
    # Tickers with a short history come last: the bars of the others say whether the session is out.
    for certain in (False, True):
        left, waiting = waiting, []
        for ticker in left:
            progress("fetching bars", len(parts), len(asked.tickers))
            mine = {n: frame.filter(pl.col("ticker") == ticker) for n, frame in tables.items()}
            fetches = mine[FETCHES.name].filter(pl.col("table") == RAW_OHLCV.name)
            stored = _Stored(
                mine[RAW_OHLCV.name], mine[QUARANTINE.name], mine[CORPORATE_ACTIONS.name], fetches
            )
            ask = partial(held.bars, ticker, has_rows=stored.rows.height > 0)
            try:
                parts[ticker] = _update_ticker(ticker, ask, source, second, stored, asked, now)
            except ShortHistoryError:
                if certain:
                    raise
                waiting.append(ticker)
    return merged([parts[ticker] for ticker in asked.tickers])


def _update_ticker(
    ticker: str,
    ask: Callable[[date, date], pl.DataFrame],
    source: MarketDataSource,
    second: MarketDataSource | None,
    stored: _Stored,
    asked: UpdateRequest,
    now: datetime,
) -> Update:
    pending = _pending(stored)
    last = stored.rows["date"].to_list()[-1] if stored.rows.height else None
    window = fetch_window(
        start=asked.start,
        end=asked.end,
        first=asked.first,
        last_stored=last,
        asked_from=min(stored.fetches["start"].to_list(), default=None),
        pending=pending,
        overlap=asked.overlap,
    )
    raw = ask(window.start, window.end)
    requests = [(window, raw.height)]
    restated = window.reason == "range" and is_restated(raw, stored.rows)
    whole = FetchWindow(asked.first, max(window.end, last or window.end), "restated")
    if restated and not window.covers(whole):
        window = whole
        raw = ask(window.start, window.end)
        requests.append((window, raw.height))
    if raw.is_empty():
        days = sessions(window.start, window.end)
        cleaned = absent_bars(ticker, days, source.info.name, now, stored=stored.rows)
    else:
        cleaned = _clean(raw, window, source.info.name, second, stored, now)
    in_range = pl.col("date").is_between(asked.start, asked.end)
    # That a source has a bar no more says nothing about the bar; a bad one in its place does.
    kept_good = (~in_range & (pl.col("bad_reason") != REJECTED)) | (pl.col("bad_reason") == MISSING)
    if not keeps_basis(cleaned.rows, stored.rows):
        kept_good = pl.lit(value=False)
    rows = merge_rows(cleaned.rows, stored.rows, kept_good, RECORDED)
    changed = changed_rows(rows, stored.rows, RECORDED)
    written = rows.filter(
        in_range | pl.struct(KEY).is_in(changed.select(pl.struct(KEY)).to_series().implode())
    )
    accepted = stored.quarantine.filter(pl.col("status") == "accepted")
    quarantined = _told_of_kept(cleaned.quarantined, rows)
    given = cleaned.rows.filter(pl.col("bad_reason").is_null()).select(KEY)
    return Update(
        rows=written,
        quarantine=merge_entries(stored.quarantine, quarantined, given, now),
        revisions=find_revisions(RAW_OHLCV, written, stored.rows, now, accepted=accepted),
        fetches=request_rows(RAW_OHLCV, ticker, requests, source.info.name, now),
        outside=changed_rows(written.filter(~in_range), stored.rows, DEPENDED_ON),
        actions=new_actions(corporate_actions(raw, now), stored.actions),
        restated=(ticker,) if restated else (),
        set_aside=quarantined.filter(pl.col("severity") == SET_ASIDE).height,
    )


def _told_of_kept(quarantined: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """A hole in the answer is no more than a warning where the stored bar was kept."""
    kept = rows.filter(pl.col("bad_reason").is_null()).select(pl.struct(KEY)).to_series()
    is_kept = (pl.col("rule") == MISSING) & pl.struct(KEY).is_in(kept.implode())
    severity = pl.when(is_kept).then(pl.lit(WARNING)).otherwise("severity")
    return quarantined.with_columns(severity=severity)


def _pending(stored: _Stored) -> date | None:
    """The earliest bar whose row does not follow yet what the user decided on it."""
    accepted = stored.quarantine.filter(pl.col("status") == "accepted").select(KEY)
    bad = pl.col("bad_reason").is_not_null()
    kept_out = stored.rows.filter(bad).join(accepted, on=KEY, how="semi")
    decided = decisions_on(stored.rows.filter(~bad), stored.quarantine)
    kept_in = decided.filter(pl.col("status") == "rejected")
    return min([*kept_out["date"].to_list(), *kept_in["date"].to_list()], default=None)


def _clean(
    raw: pl.DataFrame,
    window: FetchWindow,
    name: str,
    second: MarketDataSource | None,
    stored: _Stored,
    now: datetime,
) -> CleanedBars:
    days = sessions(window.start, window.end)
    judge = partial(
        clean_bars, raw, days, name, now, stored=stored.rows, decisions=stored.quarantine
    )
    cleaned = judge()
    doubtful = cleaned.quarantined.filter(pl.col("rule").is_in([JUMP, SPIKE, UNADJUSTED_SPLIT]))
    if second is None or doubtful.is_empty():
        return cleaned
    span = doubtful["date"].to_list()
    try:
        other = second.bars(doubtful["ticker"][0], min(span), max(span))
    except SourceError:
        return cleaned
    confirmed = confirmed_days(raw.filter(pl.col("date").is_in(span)), other)
    return judge(confirmed=confirmed)


def request_rows(
    table: Table,
    ticker: str,
    requests: Sequence[tuple[FetchWindow, int]],
    source: str,
    now: datetime,
) -> pl.DataFrame:
    """The requests as rows of the table `fetches`."""
    return pl.DataFrame(
        [
            (now, table.name, ticker, window.start, window.end, window.reason, rows, source)
            for window, rows in requests
        ],
        schema=FETCHES.schema,
        orient="row",
    )


def merged(parts: Sequence[Update]) -> Update:
    """The updates of several tickers as one."""
    names = ("rows", "quarantine", "revisions", "fetches", "outside", "actions")
    frames = {name: pl.concat([getattr(part, name) for part in parts]) for name in names}
    return Update(
        **frames,
        restated=tuple(name for part in parts for name in part.restated),
        set_aside=sum(part.set_aside for part in parts),
    )
