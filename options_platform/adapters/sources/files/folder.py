"""A folder of CSV or Parquet files: `TICKER.csv`, `VIX.csv`, `TICKER_actions.csv`, and more.

The files of many publishers are recognised by their headers (`layouts`) and read as downloaded.
Several folders may be given, separated like a PATH; the first one with the file is used. A file
that cannot be read completely is refused with its name and line; implausible rows pass through to
`domain.market.bars`. docs/data-sources.md describes all files.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.ports.market_data import (
    BAR_SCHEMA,
    INDEX_SCHEMA,
    SPLIT_SCHEMA,
    SourceInfo,
)
from options_platform.adapters.sources.actions import splits_of
from options_platform.adapters.sources.files.bulk.session import read_session
from options_platform.adapters.sources.files.chains import read_chain
from options_platform.adapters.sources.files.events import read_actions, read_earnings
from options_platform.adapters.sources.files.fred import IndexFiles, index_files, indices_of
from options_platform.adapters.sources.files.prices import PRICES, described, read_bars
from options_platform.adapters.sources.files.reading import find, names_in, read_table
from options_platform.adapters.sources.index_range import why_no_answer
from options_platform.adapters.sources.options import SourceOptions
from options_platform.contracts.market import SERIES
from options_platform.contracts.renamed import renamed_note
from options_platform.domain.calendar.sessions import newest_final_session
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import ShortHistoryError, SourceError, UnknownSymbolError


class CsvSource:
    """Files in the user's folders; prices are split-adjusted, like Yahoo's."""

    def __init__(self, folders: str) -> None:
        self._folders = [Path(part).expanduser() for part in folders.split(os.pathsep) if part]
        for folder in self._folders:
            if not folder.is_dir():
                raise SourceError(f"csv folder {folder} does not exist; set OPTIONS_CSV_DIR")

    @property
    def info(self) -> SourceInfo:
        """A label with the folders' names; a ticker, index or series for each file in them."""
        folders = ", ".join(folder.name for folder in self._folders)
        # The name of a file does not show whether it is a ticker or an index.
        names = names_in(self._folders)
        return SourceInfo(
            "csv",
            f"files in {folders}",
            proxy=False,
            tickers=names,
            indices=indices_of(names),
            kinds=frozenset({"bars", "index", "chain", "earnings", "splits"}),
            series=tuple(name for name in SERIES if index_files(self._folders, name)),
            reads_files=True,
        )

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the file, with dividends and splits if it or an actions file has them.

        Raises :class:`SourceError`; :class:`ShortHistoryError` if the file ends before `end`.
        """
        path = self._find(require_ticker(ticker))
        actions_path = find(self._folders, f"{ticker}_actions")
        table = read_bars(path, ticker, actions_path)
        last = max(table["date"].to_list(), default=None)
        table = table.with_columns(ticker=pl.lit(ticker), source=pl.lit("csv"))
        table = table.filter(pl.col("date").is_between(start, end)).select(BAR_SCHEMA.names())
        if last is None or last < end:
            advice = renamed_note(ticker) or (
                "; bring the file up to date, or choose an earlier end (OPTIONS_END)"
            )
            raise ShortHistoryError(f"{path.name} ends {last}, before {end}{advice}", table)
        return table

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the index's file, and FRED's closes of days that it lacks (`files.fred`).

        Open, high and low may be null. Raises :class:`SourceError` if the files have no close in
        the range, though they began before.
        """
        files = self._index_files(symbol)
        table = files.read()
        unknown = {name: pl.lit(None) for name in PRICES if name not in table.columns}
        fault = why_no_answer(table, start, end, min(table["date"].to_list()))
        if fault:
            raise SourceError(
                f"{files.names} has no closes of {symbol} for {start} to {end}: {fault}; bring the "
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
        """The chain of `options/TICKER_YYYY-MM-DD`, for any session that is over.

        Without that file it is read from those of the month or of the year, `TICKER_YYYY-MM` and
        `TICKER_YYYY`, as `options-platform import` writes them or as they were downloaded.
        """
        names = [
            f"options/{require_ticker(ticker)}_{period}"
            for period in (session, f"{session:%Y-%m}", f"{session:%Y}")
        ]
        if session > newest_final_session(now):
            raise SourceError(
                f"csv has no chain of {ticker} for {session}: the newest complete session is "
                f"{newest_final_session(now)}; ask for that one"
            )
        paths = [find(self._folders, name) for name in names]
        if paths[0] is not None:
            return read_chain(paths[0], ticker, session)
        for path in paths[1:]:
            chain = None if path is None else read_session(path, ticker, session)
            if chain is not None:
                return chain
        stored = next((path for path in paths if path is not None), None)
        if stored is not None:
            raise SourceError(
                f"{stored.name} has no quotes of {ticker} for {session}; add them, or drop the "
                "session"
            )
        return read_chain(self._find(names[0]), ticker, session)

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The reports of `TICKER_earnings`; the file of a fund has only a header."""
        reports = read_earnings(self._find(f"{require_ticker(ticker)}_earnings"), ticker)
        return reports.filter(pl.col("date").is_between(start, end)).sort("date")

    def announced_splits(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The splits of the actions file; none without one."""
        path = find(self._folders, f"{require_ticker(ticker)}_actions")
        if path is None:
            return SPLIT_SCHEMA.to_frame()
        return splits_of(ticker, read_actions(path, ticker), start, end)

    def understood(self, name: str) -> str:
        """The recognised layout of the files of a ticker or symbol, as text.

        Raises :class:`SourceError` if there is no file, or one that cannot be read.
        """
        files = index_files(self._folders, name)
        if files is not None and files.fred is not None:
            return files.understood()
        table = read_table(self._find(require_ticker(name)), "bars", "index")
        return f"{table.path.name}: {described(table)}"

    def _find(self, name: str) -> Path:
        path = find(self._folders, name)
        if path is None:
            raise self._no_file(name)
        return path

    def _index_files(self, symbol: str) -> IndexFiles:
        files = index_files(self._folders, require_ticker(symbol))
        if files is None:
            raise self._no_file(symbol)
        return files

    def _no_file(self, name: str) -> UnknownSymbolError:
        shown = " or ".join(str(folder) for folder in self._folders)
        advice = renamed_note(name) or f"; add it, or drop {name}"
        text = f"no {name}.csv or {name}.parquet in {shown}{advice}"
        return UnknownSymbolError(text)


def open_source(options: SourceOptions) -> CsvSource:
    """The files of the folder."""
    return CsvSource(options.csv_dir)
