"""What is wrong with stored earnings reports: impossible dates, those that trading contradicts, and
outdated answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import EARNINGS, EARNINGS_KNOWN, FETCHES, RAW_OHLCV, VIX
from options_platform.domain.checks.tables import SHOWN, Finding
from options_platform.domain.earnings.date_faults import not_quarterly, off_sessions
from options_platform.domain.earnings.doubts import doubtful_dates
from options_platform.domain.earnings.record import REPORTED
from options_platform.domain.market.index_series import iv_basis_of
from options_platform.services.market_data.platform import Platform


def reports_off_sessions(platform: Platform, selected: PartitionRange) -> Finding:
    """The reports from the range's start on, planned ones too, on days without a session."""
    reports = _dates(platform.warehouse, selected.tickers)
    return _finding(off_sessions(reports, selected.start))


def reports_not_apart(platform: Platform, selected: PartitionRange) -> Finding:
    """The reports from the range's start on, planned ones too, that are no quarter after the one
    before them."""
    reports = _dates(platform.warehouse, selected.tickers)
    return _finding(not_quarterly(reports, selected.start))


def date_faults(warehouse: Warehouse, tickers: Sequence[str], since: date) -> list[str]:
    """One line for each stored date from `since` on that cannot be right."""
    reports = _dates(warehouse, tickers)
    return [*off_sessions(reports, since), *not_quarterly(reports, since)]


def outdated(platform: Platform, selected: PartitionRange) -> Finding:
    """The tickers with reports whose newest answer does not reach beyond the range's end.

    A ticker without a recorded report is not among them: a fund has none, and its file may lack.
    """
    read = platform.warehouse.read
    recorded = read(EARNINGS_KNOWN, columns=["ticker"], tickers=selected.tickers)["ticker"]
    requests = read(FETCHES, tickers=recorded.unique().to_list())
    requests = requests.filter(pl.col("table") == EARNINGS.name)
    until = requests.group_by("ticker").agg(pl.col("end").max()).sort("ticker")
    late = until.filter(pl.col("end") <= selected.end)
    shown = tuple(f"{ticker} was asked for up to {end}" for ticker, end in late.rows())
    return Finding(late.height, shown[:SHOWN])


def doubtful_reports(platform: Platform, selected: PartitionRange) -> Finding:
    """The reports of the range whose date trading contradicts."""
    shown: list[str] = []
    for ticker in selected.tickers:
        scope = {"tickers": [ticker], "end": selected.end}
        reports = platform.warehouse.read(EARNINGS, start=selected.start, **scope)  # type: ignore[arg-type]
        reports = reports.filter(pl.col("status") == REPORTED)
        if reports.is_empty():
            continue
        bars = platform.warehouse.read(RAW_OHLCV, columns=["date", "volume"], **scope)  # type: ignore[arg-type]
        index = platform.warehouse.read(VIX, **scope)  # type: ignore[arg-type]
        found = doubtful_dates(reports, bars.drop_nulls(), _own_volatility(index))
        shown += [f"{ticker} {day}: {why}" for day, why in found.select("date", "why").rows()]
    return Finding(len(shown), tuple(shown[:SHOWN]))


def _dates(warehouse: Warehouse, tickers: Sequence[str]) -> pl.DataFrame:
    return warehouse.read(EARNINGS, columns=[*KEY, "timing", "status"], tickers=tickers)


def _finding(lines: Sequence[str]) -> Finding:
    return Finding(len(lines), tuple(lines[:SHOWN]))


def _own_volatility(index: pl.DataFrame) -> pl.DataFrame | None:
    """Date, iv and vix of the sessions with a volatility of the ticker's own; None without any."""
    basis = iv_basis_of(pl.col("ticker"), pl.col("iv_symbol"))
    own = index.filter(basis.is_in(["own", "chain"]))
    return None if own.is_empty() else own.select("date", iv="iv_close", vix="vix")
