"""Updates the volatility indices, with the same steps as `bars.py`.

Each index is requested once per run, however many tickers use it. If the one of some tickers cannot
be had, nothing of these is written; without the VIX nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from options_platform.adapters.ports.market_data import MarketDataSource
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import FETCHES, QUARANTINE, RAW_OHLCV, REVISIONS, VIX
from options_platform.contracts.market import SET_ASIDE
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.market.fetch_plan import FetchWindow, fetch_window
from options_platform.domain.market.index_outliers import judge_index
from options_platform.domain.market.index_series import (
    MODEL_PREFIX,
    MODELLED,
    TOLERANCE,
    align_indices,
    is_index_restated,
    known_closes,
)
from options_platform.domain.market.quarantine import merge_entries
from options_platform.domain.market.revisions import changed_rows, find_revisions
from options_platform.errors import SourceError
from options_platform.services.market_data.bars import Update, UpdateRequest, request_rows
from options_platform.services.market_data.modelled_iv import (
    differs,
    modelled_closes,
    modelled_rows,
)
from options_platform.services.market_data.one_market import require_same_market

RECORDED = ("iv_symbol", "iv_close", "iv_age", "vix", "vix_age", *MODELLED)


def update_indices(
    source: MarketDataSource,
    warehouse: Warehouse,
    request: UpdateRequest,
    iv_symbols: Mapping[str, str],
    now: datetime,
    earnings: EarningsRules | None = None,
) -> Update:
    """Update the rows of `vix`: index values for each stored bar of the requested tickers.

    Modelled ones (`MODEL:TICKER`) are computed once the VIX is judged; `earnings` says how they
    read the dates of reports.

    Tickers whose own index cannot be had are among the update's `failures`. Raises
    :class:`~options_platform.errors.SourceError` without the VIX, and if all tickers fail.
    """
    require_same_market(warehouse, source.info)
    modelled = [t for t in request.tickers if iv_symbols[t].startswith(MODEL_PREFIX)]
    named = {iv_symbols[ticker] for ticker in request.tickers if ticker not in modelled}
    symbols = sorted({"VIX", *named})
    keys = warehouse.read(RAW_OHLCV, columns=list(KEY), tickers=request.tickers, end=request.end)
    stored = warehouse.read(VIX, tickers=request.tickers)
    entries = warehouse.read(QUARANTINE, tickers=symbols)
    stored_closes = known_closes(stored).filter(pl.col("symbol").is_in(symbols))
    fetches = warehouse.read(FETCHES, tickers=symbols).filter(
        (pl.col("table") == VIX.name) & (pl.col("source") == source.info.name)
    )
    window = _window(keys, stored, request, iv_symbols, _asked_from(fetches, symbols))
    requests: dict[str, list[tuple[FetchWindow, int]]] = {}
    fetched, restated = [], []
    for symbol in symbols:
        try:
            frame, requests[symbol] = _fetch(source, symbol, window, stored_closes, request)
        except SourceError as error:
            others = tuple(t for t in request.tickers if iv_symbols[t] != symbol)
            if symbol == "VIX" or not others:
                raise
            of_others = update_indices(
                source, warehouse, replace(request, tickers=others), iv_symbols, now, earnings
            )
            failed = dict.fromkeys([t for t in request.tickers if t not in others], error)
            return replace(of_others, failures={**failed, **of_others.failures})
        fetched.append(frame)
        if requests[symbol][-1][0].reason == "restated":
            restated.append(symbol)
    if restated and window.reason != "first":
        # All indices share one window; the others use their stored closes outside of theirs.
        window = FetchWindow(request.first, window.end, "restated")
    judged = judge_index(pl.concat(fetched), now)
    bad = judged.quarantined.filter(pl.col("severity") == SET_ASIDE)
    closes = _with_stored(judged.closes, stored_closes, bad.select("date", symbol="ticker"))
    rules, name = earnings or EarningsRules(), source.info.name
    modelled_keys = keys.filter(pl.col("ticker").is_in(modelled))
    vix = closes.filter(pl.col("symbol") == "VIX")
    values = modelled_rows(warehouse, _from(modelled_keys, window), vix, rules)
    if window.reason == "range" and differs(values, stored, TOLERANCE):
        window = FetchWindow(request.first, window.end, "restated")
        values = modelled_rows(warehouse, _from(modelled_keys, window), vix, rules)
    closes = pl.concat(
        [closes, _modelled_before(stored, window), modelled_closes(values, name)], how="diagonal"
    )
    rows = align_indices(_from(keys, window), closes, iv_symbols, name, now, values)
    rows = _first_fetched(rows, stored)
    in_range = pl.col("date").is_between(request.start, request.end)
    changed = changed_rows(rows, stored, RECORDED)
    is_changed = pl.struct(KEY).is_in(changed.select(pl.struct(KEY)).to_series().implode())
    written = rows.filter(in_range | is_changed)
    good = judged.closes.select("date", ticker="symbol")
    return Update(
        rows=written,
        quarantine=merge_entries(entries, judged.quarantined, good, now),
        revisions=find_revisions_of(written, stored, now),
        fetches=pl.concat(
            [request_rows(VIX, s, r, source.info.name, now) for s, r in requests.items()]
        ),
        outside=changed_rows(written.filter(~in_range), stored, RECORDED),
        restated=tuple(restated),
        set_aside=judged.quarantined.filter(pl.col("severity") == "set_aside").height,
    )


def _from(keys: pl.DataFrame, window: FetchWindow) -> pl.DataFrame:
    return keys.filter(pl.col("date") >= window.start)


def _modelled_before(stored: pl.DataFrame, window: FetchWindow) -> pl.DataFrame:
    """The stored modelled closes before the window, of which the last may be carried."""
    is_before = pl.col("symbol").str.starts_with(MODEL_PREFIX) & (pl.col("date") < window.start)
    return known_closes(stored).filter(is_before)


def find_revisions_of(rows: pl.DataFrame, stored: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Revisions of the table `vix`, of all tickers in `rows`."""
    parts = [
        find_revisions(VIX, part, stored.filter(pl.col("ticker") == ticker), now, columns=RECORDED)
        for (ticker,), part in rows.group_by("ticker", maintain_order=True)
    ]
    return pl.concat([REVISIONS.empty(), *parts])


def _asked_from(fetches: pl.DataFrame, symbols: Sequence[str]) -> date | None:
    """First session that this source was asked for, for every symbol; None if one never was."""
    firsts = dict(fetches.group_by("ticker").agg(pl.col("start").min()).iter_rows())
    return max(firsts.values()) if set(symbols) <= set(firsts) else None


def _window(
    keys: pl.DataFrame,
    stored: pl.DataFrame,
    request: UpdateRequest,
    iv_symbols: Mapping[str, str],
    asked_from: date | None,
) -> FetchWindow:
    """The common window of all indices: the whole history if a row or request of it is missing."""
    start = request.start
    before = keys.filter(pl.col("date") < start)
    with_symbol = stored.with_columns(
        symbol=pl.col("ticker").replace_strict(dict(iv_symbols), return_dtype=pl.String)
    ).filter(pl.col("symbol") == pl.col("iv_symbol"))
    missing = before.join(with_symbol, on=list(KEY), how="anti")
    firsts = keys.group_by("ticker").agg(first=pl.col("date").min())
    with_rows = set(with_symbol["ticker"].unique().to_list())
    # A ticker without a bar is not listed yet and needs no rows.
    new = any(ticker not in with_rows for ticker in keys["ticker"].unique())
    gap = missing.join(firsts, on="ticker").filter(pl.col("date") == pl.col("first")).height > 0
    last = min(missing["date"].to_list(), default=None)
    return fetch_window(
        start=start if last is None else min(start, last),
        end=request.end,
        first=request.first,
        last_stored=None if new or gap else max(with_symbol["date"].to_list(), default=None),
        asked_from=asked_from,
        pending=None,
        overlap=request.overlap,
    )


def _fetch(
    source: MarketDataSource,
    symbol: str,
    window: FetchWindow,
    stored_closes: pl.DataFrame,
    request: UpdateRequest,
) -> tuple[pl.DataFrame, list[tuple[FetchWindow, int]]]:
    frame = source.index_bars(symbol, window.start, window.end)
    requests = [(window, frame.height)]
    full_history = FetchWindow(request.first, window.end, "restated")
    restated = window.reason == "range" and is_index_restated(frame, stored_closes)
    if restated and not window.covers(full_history):
        frame = source.index_bars(symbol, full_history.start, full_history.end)
        requests.append((full_history, frame.height))
    return frame, requests


def _with_stored(closes: pl.DataFrame, stored: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """The fetched closes, and the stored ones of all other days.

    A close that the source no longer has stays; a `bad` one in its place removes it.
    """
    key = ["date", "symbol"]
    kept = stored.join(closes, on=key, how="anti", maintain_order="left").join(
        bad, on=key, how="anti", maintain_order="left"
    )
    return pl.concat([closes, kept.select(*key, "close", "source")], how="diagonal")


def _first_fetched(rows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    first = stored.select(*KEY, fetched_at_was="fetched_at")
    return (
        rows.join(first, on=list(KEY), how="left", maintain_order="left")
        .with_columns(fetched_at=pl.col("fetched_at_was").fill_null(pl.col("fetched_at")))
        .select(VIX.schema.names())
    )
