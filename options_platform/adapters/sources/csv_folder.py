"""A folder of CSV or Parquet files: `TICKER.csv`, `VIX.csv`, `TICKER_actions.csv`, and more.

Several folders may be named, separated like a PATH; the first with the file wins. A file that
cannot be read whole is refused with its name and line; bad rows in it pass through, for
`domain.bars` to judge. The layout of all files stands in docs/data-sources.md.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.ports import BAR_SCHEMA, INDEX_SCHEMA, SourceInfo
from options_platform.adapters.sources.actions import unadjusted_split, with_actions
from options_platform.adapters.sources.csv_chains import read_chain, read_earnings
from options_platform.adapters.sources.csv_files import (
    find,
    names_in,
    read_table,
    with_dates,
    with_numbers,
)
from options_platform.adapters.sources.index_range import why_no_answer
from options_platform.contracts.market import SERIES
from options_platform.domain.bars import require_ticker
from options_platform.domain.calendar import newest_final_session
from options_platform.errors import ShortHistoryError, SourceError

BAR_COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")
INDEX_PRICES = ("open", "high", "low", "close")
ACTION_COLUMNS = ("dividend", "split_ratio")
YIELD, YIELD_COLUMNS = "DGS3MO", ("DGS3MO", "dgs3mo_pct", "close")


class CsvSource:
    """Files in the user's folders; prices are split-adjusted, as Yahoo gives them."""

    def __init__(self, folders: str) -> None:
        self._folders = [Path(part).expanduser() for part in folders.split(os.pathsep) if part]
        for folder in self._folders:
            if not folder.is_dir():
                raise SourceError(f"csv folder {folder} does not exist; set OPTIONS_CSV_DIR")

    @property
    def info(self) -> SourceInfo:
        """A label with the folders' names, and whatever has a file in them."""
        folders = ", ".join(folder.name for folder in self._folders)
        # A file does not say whether it is of a ticker or of an index.
        names = names_in(self._folders)
        return SourceInfo(
            "csv",
            f"files in {folders}",
            proxy=False,
            tickers=names,
            indices=names,
            kinds=frozenset({"bars", "index", "chain", "earnings"}),
            series=tuple(name for name in SERIES if find(self._folders, name)),
        )

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the file, with dividends and splits where there is an actions file."""
        path = self._find(require_ticker(ticker))
        table = read_table(path, ("date", *BAR_COLUMNS))
        table = with_dates(path, table, of_sessions=True)
        table = with_numbers(path, table, BAR_COLUMNS)
        last = max(table["date"].to_list(), default=None)
        table = table.with_columns(ticker=pl.lit(ticker), source=pl.lit("csv"))
        table = self._with_actions(ticker, table.sort("date", maintain_order=True))
        table = table.filter(pl.col("date").is_between(start, end)).select(BAR_SCHEMA.names())
        if last is None or last < end:
            raise ShortHistoryError(
                f"{path.name} ends {last}, but {ticker} was asked for up to {end}; "
                "bring the file up to date, or choose an earlier end (OPTIONS_END)",
                table,
            )
        return table

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the index's file, which may hold closes alone; none before its first day."""
        path = self._find(require_ticker(symbol))
        if symbol == YIELD:
            table = _yields(path)
        else:
            table = read_table(path, ("date", "close"), optional=INDEX_PRICES)
            table = with_dates(path, table, of_sessions=True)
        given = [name for name in INDEX_PRICES if name in table.columns]
        unknown = {name: pl.lit(None) for name in INDEX_PRICES if name not in given}
        table = with_numbers(path, table, given)
        fault = why_no_answer(table, start, end, min(table["date"].to_list()))
        if fault:
            raise SourceError(
                f"{path.name} says nothing of {symbol} for {start} to {end}: {fault}; bring the "
                "file up to date, or choose an earlier end (OPTIONS_END)"
            )
        return (
            table.filter(pl.col("date").is_between(start, end))
            .with_columns(symbol=pl.lit(symbol), source=pl.lit("csv"), **unknown)
            .select(INDEX_SCHEMA.names())
            .sort("date")
            .cast(dict(INDEX_SCHEMA))  # type: ignore[arg-type]
        )

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """The chain of `options/TICKER_YYYY-MM-DD`, of any session that is over."""
        name = f"options/{require_ticker(ticker)}_{session}"
        if session > newest_final_session(now):
            raise SourceError(
                f"csv has no chain of {ticker} for {session}: the newest complete session is "
                f"{newest_final_session(now)}; ask for that one"
            )
        return read_chain(self._find(name), ticker, session)

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The reports of `TICKER_earnings`; a fund's file holds its header alone."""
        reports = read_earnings(self._find(f"{require_ticker(ticker)}_earnings"), ticker)
        return reports.filter(pl.col("date").is_between(start, end)).sort("date")

    def _find(self, name: str) -> Path:
        path = find(self._folders, name)
        if path is None:
            shown = " or ".join(str(folder) for folder in self._folders)
            raise SourceError(f"no {name}.csv or {name}.parquet in {shown}; add it, or drop {name}")
        return path

    def _with_actions(self, ticker: str, table: pl.DataFrame) -> pl.DataFrame:
        path = find(self._folders, f"{ticker}_actions")
        if path is None:
            unknown = pl.lit(None, pl.Float64)
            return table.with_columns(dividend=unknown, split_ratio=unknown, split_factor=unknown)
        actions = _actions(path)
        raw = unadjusted_split(table, actions)
        if raw is not None:
            day, ratio = raw
            raise SourceError(
                f"{ticker}'s file holds prices as traded: they step by the {ratio:g}:1 split of "
                f"{day} in {path.name}; divide what lies before it by {ratio:g}, or fetch a "
                "split-adjusted file"
            )
        return with_actions(table, actions)


def _yields(path: Path) -> pl.DataFrame:
    """Dates and yields; the column is named as its publisher does, or `close`."""
    table = read_table(path, ("date",), optional=YIELD_COLUMNS)
    named = [name for name in YIELD_COLUMNS if name in table.columns]
    if len(named) != 1:
        raise SourceError(
            f"{path.name} needs the columns date and one of {', '.join(YIELD_COLUMNS)}"
        )
    return with_dates(path, table.rename({named[0]: "close"}), of_sessions=True)


def _actions(path: Path) -> pl.DataFrame:
    """One row a day: its dividends added, its splits multiplied; a ratio of 0 means none."""
    table = with_dates(path, read_table(path, ("date", *ACTION_COLUMNS)))
    table = with_numbers(path, table, ACTION_COLUMNS)
    wrong = table.filter(pl.any_horizontal(pl.col(ACTION_COLUMNS) < 0))
    if wrong.height:
        raise SourceError(f"{path.name} has a value below 0 on {wrong['date'][0]}; correct it")
    ratio = pl.col("split_ratio")
    return (
        table.group_by("date")
        .agg(
            pl.col("dividend").fill_nan(0.0).sum(),
            ratio.filter(ratio.is_finite() & (ratio > 0)).product(),
        )
        .sort("date")
    )
