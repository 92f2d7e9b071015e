"""Files of any known layout converted into the csv layout: one file a ticker, kind and session."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.actions import paid_after_splits
from options_platform.adapters.sources.files.chains import chain_of, read_quotes
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
# What publishers add to a ticker in the names of their files.
NAMED_FOR = re.compile(
    r"^\^?([A-Za-z][A-Za-z0-9.\-]{0,9}?)"
    r"(_history|[._]us([._]d)?|_d|_daily|_actions|_earnings|_dividends|_splits)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Imported:
    """A file to write: its `name` in the folder, its `rows`, and what they were taken for."""

    name: str
    rows: pl.DataFrame
    origin: str


@dataclass(frozen=True)
class ActionsPart:
    """Dividends, splits or both out of one file; `as_paid` dividends know no later split."""

    path: Path
    rows: pl.DataFrame
    as_paid: bool


@dataclass(frozen=True)
class Request:
    """What the files themselves may not say; `whole`: that none is cut in its last line."""

    ticker: str | None = None
    session: date | None = None
    no_splits: bool = False
    no_dividends: bool = False
    whole: bool = False


def convert(paths: Sequence[Path], request: Request) -> list[Imported]:
    """The files of the csv layout that `paths` make.

    Days of one ticker in several files become one file, and so do dividends and splits.
    SourceError for a file that cannot be trusted; UsageError where a ticker or a session has to
    be given, and where several files give the same.
    """
    if request.ticker is not None:
        require_ticker(request.ticker)
    made: list[Imported] = []
    parts: dict[str, list[ActionsPart]] = {}
    for path in paths:
        table = read_table(path, *NEEDED, vouched=request.whole)
        if table.layout.kind == "actions":
            for ticker, frame in _by_ticker(table, part_of_actions(table), request):
                part = ActionsPart(path, frame, as_paid=table.layout.as_traded)
                parts.setdefault(ticker, []).append(part)
        elif table.layout.kind == "chain":
            made += _chains(table, request)
        elif table.layout.kind == "earnings":
            made += _earnings(table, request)
        else:
            made += _prices(table, request)
    made += [_actions(ticker, given, request) for ticker, given in sorted(parts.items())]
    names = {one.name for one in made}
    by_name: dict[str, list[Imported]] = {}
    for one in made:
        by_name.setdefault(one.name, []).append(one)
    return [_together(name, files, names) for name, files in by_name.items()]


def _together(name: str, files: Sequence[Imported], names: Collection[str]) -> Imported:
    """Files of one name made one, if each holds other days on the same basis."""
    if len(files) == 1:
        return files[0]
    columns = {tuple(one.rows.columns) for one in files}
    # A file that adjusts its prices for its own splits knows none of a later file's.
    adjusted = name.replace(".csv", "_actions.csv") in names
    if len(columns) > 1 or adjusted or "date" not in files[0].rows.columns:
        raise UsageError(f"several of the files make {name}; import one of them")
    rows = pl.concat([one.rows for one in files]).sort("date")
    twice = rows.filter(rows["date"].is_duplicated())
    if twice.height:
        raise UsageError(f"several of the files give {name} for {twice['date'][0]}; import one")
    return Imported(name, rows, f"{files[0].origin} and {len(files) - 1} more")


def _prices(table: FileTable, request: Request) -> list[Imported]:
    made = []
    for ticker, frame in _by_ticker(table, table.frame, request):
        part = replace(table, frame=frame)
        if table.layout.kind == "index" or _names_an_index(frame):
            values = values_of(part, ticker).sort("date", maintain_order=True)
            rows = values.select("date", *_columns(values, "open", "high", "low", "close"))
            actions = None
        else:
            bars, actions = bars_of(part, ticker)
            rows = bars.select("date", "open", "high", "low", "close", "adj_close", "volume")
        made.append(Imported(f"{ticker}.csv", rows, described(table)))
        if actions is not None:
            some = actions.filter((pl.col("dividend") != 0) | (pl.col("split_ratio") != 1))
            made.append(Imported(f"{ticker}_actions.csv", some, described(table)))
    return made


def _names_an_index(frame: pl.DataFrame) -> bool:
    """Whether the file calls it one, as Yahoo does with `^VIX`."""
    return "ticker" in frame.columns and str(frame["ticker"][0]).startswith("^")


def _chains(table: FileTable, request: Request) -> list[Imported]:
    quotes = read_quotes(table)
    if "session" not in quotes.columns:
        if request.session is None:
            raise UsageError(f"{table.path.name} does not say its session; give it: --session")
        quotes = quotes.with_columns(session=pl.lit(request.session))
    made = []
    for ticker, of_ticker in _by_ticker(table, quotes, request):
        for session in of_ticker["session"].unique():
            rows = of_ticker.filter(pl.col("session") == session)
            chain = chain_of(table.path, rows, ticker, session).drop("source", "ticker")
            given = [name for name in chain.columns if chain[name].null_count() < chain.height]
            name = f"options/{ticker}_{session}.csv"
            made.append(Imported(name, chain.select(given), described(table)))
    return sorted(made, key=lambda one: one.name)


def _earnings(table: FileTable, request: Request) -> list[Imported]:
    made = []
    for ticker, frame in _by_ticker(table, table.frame, request):
        reports = reports_of(replace(table, frame=frame), ticker)
        rows = reports.drop("ticker", "source").sort("date")
        made.append(Imported(f"{ticker}_earnings.csv", rows, described(table)))
    return made


def _actions(ticker: str, given: Sequence[ActionsPart], request: Request) -> Imported:
    columns = {name for part in given for name in part.rows.columns}
    for name, what, none in (
        ("split_ratio", "splits", request.no_splits),
        ("dividend", "dividends", request.no_dividends),
    ):
        if name not in columns and not none:
            raise UsageError(
                f"{given[0].path.name} says nothing of {ticker}'s {what}; import the file of its "
                f"{what} with it, or say that there were none: --no-{what}"
            )
    path = given[0].path
    splits = _stacked(
        part.rows.select(_columns(part.rows, "date", "split_ratio")) for part in given
    )
    adjusted = _dividends(part.rows for part in given if not part.as_paid)
    paid = _dividends(part.rows for part in given if part.as_paid)
    if paid.height:
        # As on the shares after all splits, like the prices and the dividends of other publishers.
        days = paid_after_splits(daily_actions(path, _stacked([paid, splits])))
        paid = days.select("date", "dividend")
    names = ", ".join(part.path.name for part in given)
    rows = daily_actions(path, _stacked([adjusted, paid, splits]))
    return Imported(f"{ticker}_actions.csv", rows, f"actions of {names}")


def _dividends(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return _stacked(frame.select(_columns(frame, "date", "dividend")) for frame in frames)


def _stacked(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The frames below each other, null where one lacks a column of actions."""
    schema = {"date": pl.Date, "dividend": pl.Float64, "split_ratio": pl.Float64}
    return pl.concat([pl.DataFrame(schema=schema), *frames], how="diagonal")


def _columns(frame: pl.DataFrame, *names: str) -> list[str]:
    return [name for name in names if name in frame.columns]


def _by_ticker(
    table: FileTable, frame: pl.DataFrame, request: Request
) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each ticker that the file names, or all under the one of its name."""
    if "ticker" not in frame.columns or frame["ticker"].null_count() == frame.height:
        return [(request.ticker or _ticker_of(table.path), frame)]
    nameless = frame.filter(pl.col("ticker").is_null())
    if nameless.height:
        raise SourceError(f"{table.path.name} has a row without its ticker; correct it")
    parts = frame.partition_by("ticker", as_dict=True, maintain_order=True)
    by_ticker = [(symbol_in_file(str(name)), part) for (name,), part in sorted(parts.items())]
    chosen = [(name, part) for name, part in by_ticker if request.ticker in (None, name)]
    if not chosen:
        raise SourceError(f"{table.path.name} holds nothing of {request.ticker}")
    for name, _ in chosen:
        if parse_symbol(name) is not None:
            raise SourceError(
                f"{table.path.name} holds {name!r}, an option: these are {table.layout.kind} of "
                "contracts, not of shares, and no chain with bid and ask"
            )
        if TICKER_PATTERN.fullmatch(name) is None:
            raise SourceError(
                f"{table.path.name} holds {name!r}, which is no ticker; give the one to take: "
                "--ticker"
            )
    return chosen


def _ticker_of(path: Path) -> str:
    stem = path.name
    while ENDING.search(stem):
        stem = ENDING.sub("", stem)
    named = NAMED_FOR.match(stem)
    ticker = "" if named is None else named[1].upper()
    # Names of downloads that begin like a ticker (HISTORICAL, FREDGRAPH) are longer than one.
    if TICKER_PATTERN.fullmatch(ticker) is None or len(ticker) > 6:
        raise UsageError(f"neither {path.name} nor its name says whose it is; give it: --ticker")
    return ticker
