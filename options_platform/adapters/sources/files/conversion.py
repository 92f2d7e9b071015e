"""Converts files of any known layout into files that the source csv reads.

There is one for the prices of each ticker, one for its actions and one for its earnings. Option
chains, which may not fit into memory, are imported by `bulk/`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.actions import paid_after_splits
from options_platform.adapters.sources.files.events import (
    daily_actions,
    part_of_actions,
    reports_of,
)
from options_platform.adapters.sources.files.prices import bars_of, described, values_of
from options_platform.adapters.sources.files.reading import NEEDED, FileTable, read_table
from options_platform.adapters.sources.files.symbols import symbol_in_file
from options_platform.domain.chain.occ_symbols import parse_symbol
from options_platform.domain.market.bars import TICKER_PATTERN, require_ticker
from options_platform.errors import SourceError, UsageError

ENDING = re.compile(r"\.(csv|txt|tsv|gz|zip|parquet)$", re.IGNORECASE)
# A ticker with what publishers append to it in file names.
NAMED_FOR = re.compile(
    r"^\^?([A-Za-z][A-Za-z0-9.\-]{0,9}?)"
    r"(_history|[._]us([._]d)?|_d|_daily|_actions|_earnings|_dividends|_splits"
    r"|(_eod|_options|_chains?)?_\d{4}(-?\d{2}){0,2}|_eod|_options|_chains?)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Imported:
    """A file to write.

    `name` is its path in the folder of the source csv (`SPY.csv`), `origin` says in words which
    layout, or for actions which files, its rows were read from.
    """

    name: str
    rows: pl.DataFrame
    origin: str


@dataclass(frozen=True)
class ActionsPart:
    """Dividends, splits or both of one file; `as_paid` if dividends are not split-adjusted."""

    path: Path
    rows: pl.DataFrame
    as_paid: bool


@dataclass(frozen=True)
class Request:
    """What the user says about the files, for what they do not say themselves.

    `ticker` names the ticker of files without one, or the only one to convert. `no_splits` and
    `no_dividends` say that there were none, where only the other kind of action is given. `whole`
    accepts a last line without a line end as complete.
    """

    ticker: str | None = None
    no_splits: bool = False
    no_dividends: bool = False
    whole: bool = False


def convert(paths: Sequence[Path], request: Request) -> list[Imported]:
    """Read `paths`, and return the files for the source csv that their rows make; write nothing.

    A file with several tickers is split. Several files with different days of one
    ticker are joined, and so are its dividends and splits. Raises :class:`SourceError` for a
    damaged or ambiguous file, and :class:`UsageError` if a ticker is needed, or if several files
    have the same days.
    """
    if request.ticker is not None:
        require_ticker(request.ticker)
    converted: list[Imported] = []
    parts: dict[str, list[ActionsPart]] = {}
    for path in paths:
        table = read_table(path, *NEEDED, vouched=request.whole)
        if table.layout.kind == "actions":
            for ticker, frame in _by_ticker(table, part_of_actions(table), request):
                part = ActionsPart(path, frame, as_paid=table.layout.as_traded)
                parts.setdefault(ticker, []).append(part)
        elif table.layout.kind == "chain":
            raise SourceError(
                f"{path.name} holds option chains in lines that are not ended by line feeds; "
                "save it as CSV (UTF-8)"
            )
        elif table.layout.kind == "earnings":
            converted += _earnings(table, request)
        else:
            converted += _prices(table, request)
    converted += [
        _actions(ticker, of_ticker, request) for ticker, of_ticker in sorted(parts.items())
    ]
    names = {file.name for file in converted}
    by_name: dict[str, list[Imported]] = {}
    for file in converted:
        by_name.setdefault(file.name, []).append(file)
    return [_merged(name, files, names) for name, files in by_name.items()]


def _merged(name: str, files: Sequence[Imported], names: Collection[str]) -> Imported:
    """The rows of all `files` called `name`, as one file.

    `names` are those of all files of this import. Raises :class:`UsageError` if the files share a
    day, differ in their columns or have no dates, or if an actions file of the ticker is among
    `names`: each file's prices are adjusted for its own splits only.
    """
    if len(files) == 1:
        return files[0]
    columns = {tuple(file.rows.columns) for file in files}
    adjusted = name.replace(".csv", "_actions.csv") in names
    if len(columns) > 1 or adjusted or "date" not in files[0].rows.columns:
        raise UsageError(f"several of the files make {name}; import one of them")
    rows = pl.concat([file.rows for file in files]).sort("date")
    twice = rows.filter(rows["date"].is_duplicated())
    if twice.height:
        raise UsageError(f"several of the files give {name} for {twice['date'][0]}; import one")
    return Imported(name, rows, f"{files[0].origin} and {len(files) - 1} more")


def _prices(table: FileTable, request: Request) -> list[Imported]:
    files = []
    for ticker, frame in _by_ticker(table, table.frame, request):
        part = replace(table, frame=frame)
        if table.layout.kind == "index" or _names_an_index(frame):
            values = values_of(part, ticker).sort("date", maintain_order=True)
            rows = values.select("date", *_columns(values, "open", "high", "low", "close"))
            actions = None
        else:
            bars, actions = bars_of(part, ticker)
            rows = bars.select("date", "open", "high", "low", "close", "adj_close", "volume")
        files.append(Imported(f"{ticker}.csv", rows, described(table)))
        if actions is not None:
            paid = actions.filter((pl.col("dividend") != 0) | (pl.col("split_ratio") != 1))
            files.append(Imported(f"{ticker}_actions.csv", paid, described(table)))
    return files


def _names_an_index(frame: pl.DataFrame) -> bool:
    """Whether the symbol in the file is an index, as in Yahoo's `^VIX`."""
    return "ticker" in frame.columns and str(frame["ticker"][0]).startswith("^")


def _earnings(table: FileTable, request: Request) -> list[Imported]:
    files = []
    for ticker, frame in _by_ticker(table, table.frame, request):
        reports = reports_of(replace(table, frame=frame), ticker)
        rows = reports.drop("ticker", "source").sort("date")
        files.append(Imported(f"{ticker}_earnings.csv", rows, described(table)))
    return files


def _actions(ticker: str, parts: Sequence[ActionsPart], request: Request) -> Imported:
    columns = {name for part in parts for name in part.rows.columns}
    for name, kind, had_none in (
        ("split_ratio", "splits", request.no_splits),
        ("dividend", "dividends", request.no_dividends),
    ):
        if name not in columns and not had_none:
            raise UsageError(
                f"{parts[0].path.name} has no {kind} of {ticker}; import the file of its "
                f"{kind} with it, or confirm that there were none: --no-{kind}"
            )
    path = parts[0].path
    splits = _stacked(
        part.rows.select(_columns(part.rows, "date", "split_ratio")) for part in parts
    )
    adjusted = _dividends(part.rows for part in parts if not part.as_paid)
    paid = _dividends(part.rows for part in parts if part.as_paid)
    if paid.height:
        # Prices and the dividends of other publishers are split-adjusted, so these have to be.
        days = paid_after_splits(daily_actions(path, _stacked([paid, splits])))
        paid = days.select("date", "dividend")
    names = ", ".join(part.path.name for part in parts)
    rows = daily_actions(path, _stacked([adjusted, paid, splits]))
    return Imported(f"{ticker}_actions.csv", rows, f"actions of {names}")


def _dividends(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return _stacked(frame.select(_columns(frame, "date", "dividend")) for frame in frames)


def _stacked(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The frames stacked, with null for columns of actions that a frame does not have."""
    schema = {"date": pl.Date, "dividend": pl.Float64, "split_ratio": pl.Float64}
    return pl.concat([pl.DataFrame(schema=schema), *frames], how="diagonal")


def _columns(frame: pl.DataFrame, *names: str) -> list[str]:
    return [name for name in names if name in frame.columns]


def _by_ticker(
    table: FileTable, frame: pl.DataFrame, request: Request
) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each ticker in the file; all under the requested or the file name's ticker
    if the file has no column of tickers.
    """
    if "ticker" not in frame.columns or frame["ticker"].null_count() == frame.height:
        return [(request.ticker or ticker_of(table.path), frame)]
    without_ticker = frame.filter(pl.col("ticker").is_null())
    if without_ticker.height:
        raise SourceError(f"{table.path.name} has a row without its ticker; correct it")
    parts = frame.partition_by("ticker", as_dict=True, maintain_order=True)
    by_ticker = [(symbol_in_file(str(name)), part) for (name,), part in sorted(parts.items())]
    chosen = [(name, part) for name, part in by_ticker if request.ticker in (None, name)]
    if not chosen:
        raise SourceError(f"{table.path.name} has no rows of {request.ticker}")
    for name, _ in chosen:
        if parse_symbol(name) is not None:
            raise SourceError(
                f"{table.path.name} holds {name!r}, an option: these are {table.layout.kind} of "
                "contracts, not of shares, and no chain with bid and ask"
            )
        if TICKER_PATTERN.fullmatch(name) is None:
            raise SourceError(
                f"{table.path.name} holds {name!r}, which is not a ticker; name the one to "
                "convert: --ticker"
            )
    return chosen


def ticker_of(path: Path) -> str:
    """The ticker that the name of a file begins with; :class:`UsageError` if there is none."""
    stem = path.name
    while ENDING.search(stem):
        stem = ENDING.sub("", stem)
    match = NAMED_FOR.match(stem)
    ticker = "" if match is None else match[1].upper()
    # Other words in names of downloads (HISTORICAL, FREDGRAPH) are longer than a ticker.
    if TICKER_PATTERN.fullmatch(ticker) is None or len(ticker) > 6:
        raise UsageError(f"neither {path.name} nor its name has a ticker; give it: --ticker")
    return ticker
