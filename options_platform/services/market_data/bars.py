"""Updates bars: requests missing sessions, compares, judges, and records changes.

A run requests its own sessions, missing ones before them, and a small overlap. If the overlap
differs from the stored rows, the source has restated its history, and all of it is requested
again. Changes of stored rows are recorded in `revisions`, rows that break a rule in `quarantine`;
the caller writes everything in one transaction.

A ticker without a bar of the last session (halted, delisted) does not stop the others: its
sessions are `missing`. Another ticker's bar of that session proves that the source is not just
late (`held_sessions`). Nor does a ticker of which the source gives nothing usable: nothing of it is
written, and it is among the update's `failures`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource, announces_splits
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
from options_platform.domain.market.odd_splits import KNOWN_DAYS
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

logger = logging.getLogger(__name__)

# Adjusted closes change with each dividend, but no other table is computed from them.
DEPENDED_ON = tuple(name for name in RECORDED if name != "adj_close")


@dataclass(frozen=True)
class UpdateRequest(PartitionRange):
    """The partitions that a run updates.

    A ticker's history begins at `first`; `overlap` sessions are requested again each time. `pool`
    are all tickers of the platform, some of which other runs update.
    """

    first: date
    overlap: int
    pool: tuple[str, ...] = ()


@dataclass(frozen=True)
class Update:
    """The rows to store, and the records about them.

    `outside` has the keys of rows outside the requested range that are new, or that changed so
    that other assets have to be recomputed; `restated` has the tickers or symbols whose history
    the source restated; `set_aside` is the number of bars set aside. `failures` has by ticker why
    nothing of it could be had.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    revisions: pl.DataFrame
    fetches: pl.DataFrame
    outside: pl.DataFrame
    actions: pl.DataFrame = field(default_factory=CORPORATE_ACTIONS.empty)
    restated: tuple[str, ...] = ()
    set_aside: int = 0
    failures: Mapping[str, SourceError] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The figures of the update, as metadata of a run."""
        return {
            "requests": self.fetches.height,
            "bars_set_aside": self.set_aside,
            "earlier_rows_written": self.outside.height,
            "revisions": self.revisions.height,
            "restated": ", ".join(self.restated) or "none",
        }

    def frames(self, table: Table) -> list[tuple[Table, pl.DataFrame]]:
        """The frames to write in one transaction; only records if there are no rows."""
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
    """The stored rows of one ticker."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    actions: pl.DataFrame
    fetches: pl.DataFrame


def update_bars(
    source: MarketDataSource,
    warehouse: Warehouse,
    request: UpdateRequest,
    now: datetime,
    *,
    second: MarketDataSource | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Update:
    """Update the bars of all requested tickers; see the module.

    `second` is a source that may confirm outliers. A ticker of which the source provides nothing
    usable is among the `failures`. Raises UsageError if the stored bars are of another market
    (`one_market`).
    """
    require_same_market(warehouse, source.info)
    tables = {
        table.name: warehouse.read(table, tickers=request.tickers)
        for table in (RAW_OHLCV, QUARANTINE, CORPORATE_ACTIONS, FETCHES)
    }
    parts: dict[str, Update] = {}
    failures: dict[str, SourceError] = {}
    is_part = set(request.tickers) < set(request.pool)
    source_sessions = HeldSessions(source, warehouse, index_counts=is_part)
    waiting = list(request.tickers)
    # Tickers with a short history are tried again last, when bars of the others may prove that the
    # source has the session.
    for is_last_try in (False, True):
        round_, waiting = waiting, []
        for ticker in round_:
            progress("fetching bars", len(parts), len(request.tickers))
            of_ticker = {n: frame.filter(pl.col("ticker") == ticker) for n, frame in tables.items()}
            fetches = of_ticker[FETCHES.name].filter(pl.col("table") == RAW_OHLCV.name)
            stored = _Stored(
                of_ticker[RAW_OHLCV.name],
                of_ticker[QUARANTINE.name],
                of_ticker[CORPORATE_ACTIONS.name],
                fetches,
            )
            ask = partial(source_sessions.bars, ticker, has_rows=stored.rows.height > 0)
            try:
                parts[ticker] = _update_ticker(ticker, ask, source, second, stored, request, now)
            except ShortHistoryError as short:
                if is_last_try:
                    failures[ticker] = short
                waiting.append(ticker)
            except SourceError as error:
                failures[ticker] = error
    in_order = {ticker: failures[ticker] for ticker in request.tickers if ticker in failures}
    answered = [parts[ticker] for ticker in request.tickers if ticker in parts]
    return replace(merged(answered), failures=in_order)


def _update_ticker(
    ticker: str,
    ask: Callable[[date, date], pl.DataFrame],
    source: MarketDataSource,
    second: MarketDataSource | None,
    stored: _Stored,
    request: UpdateRequest,
    now: datetime,
) -> Update:
    pending = _pending(stored)
    last = stored.rows["date"].to_list()[-1] if stored.rows.height else None
    window = fetch_window(
        start=request.start,
        end=request.end,
        first=request.first,
        last_stored=last,
        asked_from=min(stored.fetches["start"].to_list(), default=None),
        pending=pending,
        overlap=request.overlap,
    )
    raw = ask(window.start, window.end)
    requests = [(window, raw.height)]
    restated = window.reason == "range" and is_restated(raw, stored.rows)
    full_history = FetchWindow(request.first, max(window.end, last or window.end), "restated")
    if restated and not window.covers(full_history):
        window = full_history
        raw = ask(window.start, window.end)
        requests.append((window, raw.height))
    if raw.is_empty():
        days = sessions(window.start, window.end)
        cleaned = absent_bars(ticker, days, source.info.name, now, stored=stored.rows)
    else:
        cleaned = _clean(raw, window, source.info.name, second, stored, now)
    in_range = pl.col("date").is_between(request.start, request.end)
    # A bar that the source no longer has stays good; a bad bar in its place replaces it.
    kept_good = (~in_range & (pl.col("bad_reason") != REJECTED)) | (pl.col("bad_reason") == MISSING)
    if not keeps_basis(cleaned.rows, stored.rows):
        kept_good = pl.lit(value=False)
    rows = merge_rows(cleaned.rows, stored.rows, kept_good, RECORDED)
    changed = changed_rows(rows, stored.rows, RECORDED)
    written = rows.filter(
        in_range | pl.struct(KEY).is_in(changed.select(pl.struct(KEY)).to_series().implode())
    )
    accepted = stored.quarantine.filter(pl.col("status") == "accepted")
    quarantined = _warned_if_kept(cleaned.quarantined, rows)
    good = cleaned.rows.filter(pl.col("bad_reason").is_null()).select(KEY)
    return Update(
        rows=written,
        quarantine=merge_entries(stored.quarantine, quarantined, good, now),
        revisions=find_revisions(RAW_OHLCV, written, stored.rows, now, accepted=accepted),
        fetches=request_rows(RAW_OHLCV, ticker, requests, source.info.name, now),
        outside=changed_rows(written.filter(~in_range), stored.rows, DEPENDED_ON),
        actions=new_actions(
            pl.concat([corporate_actions(raw, now), _announced(source, ticker, window.end, now)]),
            stored.actions,
        ),
        restated=(ticker,) if restated else (),
        set_aside=quarantined.filter(pl.col("severity") == SET_ASIDE).height,
    )


def _announced(source: MarketDataSource, ticker: str, end: date, now: datetime) -> pl.DataFrame:
    """The splits of the days after the last bar, as rows of `corporate_actions`."""
    rows = CORPORATE_ACTIONS.empty()
    if not announces_splits(source):
        return rows
    first, last = end + timedelta(days=1), end + timedelta(days=KNOWN_DAYS)
    try:
        splits = source.announced_splits(ticker, first, last)
    except SourceError as error:
        logger.warning("%s: unknown whether a split is announced: %s", ticker, error)
        return rows
    return splits.with_columns(
        dividend=0.0, source=pl.lit(source.info.name), seen_at=pl.lit(now)
    ).select(pl.col(name).cast(kind) for name, kind in CORPORATE_ACTIONS.schema.items())


def _warned_if_kept(quarantined: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The entries; a missing bar is only a warning if the stored bar was kept."""
    kept = rows.filter(pl.col("bad_reason").is_null()).select(pl.struct(KEY)).to_series()
    is_kept = (pl.col("rule") == MISSING) & pl.struct(KEY).is_in(kept.implode())
    severity = pl.when(is_kept).then(pl.lit(WARNING)).otherwise("severity")
    return quarantined.with_columns(severity=severity)


def _pending(stored: _Stored) -> date | None:
    """Date of the earliest row that does not yet follow the user's decision; None without."""
    accepted = stored.quarantine.filter(pl.col("status") == "accepted").select(KEY)
    bad = pl.col("bad_reason").is_not_null()
    to_accept = stored.rows.filter(bad).join(accepted, on=KEY, how="semi")
    decided = decisions_on(stored.rows.filter(~bad), stored.quarantine)
    to_reject = decided.filter(pl.col("status") == "rejected")
    return min([*to_accept["date"].to_list(), *to_reject["date"].to_list()], default=None)


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
    """The updates of several tickers combined into one; without any, one that writes nothing."""
    tables = {"rows": RAW_OHLCV, "quarantine": QUARANTINE, "revisions": REVISIONS,
              "fetches": FETCHES, "outside": RAW_OHLCV, "actions": CORPORATE_ACTIONS}  # fmt: skip
    frames: dict[str, Any] = {
        name: pl.concat([getattr(part, name) for part in parts]) if parts else table.empty()
        for name, table in tables.items()
    }
    return Update(
        **frames,
        restated=tuple(name for part in parts for name in part.restated),
        set_aside=sum(part.set_aside for part in parts),
    )
