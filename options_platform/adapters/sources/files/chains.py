"""Reads option chains from files; columns that a file does not have are null."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.files.prices import log_layout
from options_platform.adapters.sources.files.reading import (
    FileTable,
    read_table,
    with_dates,
    with_numbers,
    with_times,
)
from options_platform.adapters.sources.files.symbols import require_symbol, symbol_in_file
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.chain.occ_symbols import parse_symbols, standard_symbol, symbol_expr
from options_platform.errors import SourceError

RIGHTS = {"call": "call", "c": "call", "put": "put", "p": "put", "calls": "call", "puts": "put"}
TIMES = ("quoted_at", "last_trade_at")
STAMP = re.compile(
    r"([A-Z][a-z]{2,8}) (\d{1,2}),? (\d{4}),? (?:@|at) (\d{1,2}:\d{2})\s?(AM|PM)? E[SD]?T"
)
NUMBERS = tuple(name for name, kind in SOURCE_CHAIN_SCHEMA.items() if kind == pl.Float64)


def read_chain(path: Path, ticker: str, session: date) -> pl.DataFrame:
    """The file's contracts in SOURCE_CHAIN_SCHEMA.

    Quotes without a time get that of the session's close; contracts without a symbol get the OCC
    symbol. Raises :class:`SourceError` for unreadable contract terms, another ticker, and quotes
    of another session.
    """
    table = read_table(path, "chain")
    log_layout(table)
    require_symbol(table, ticker)
    quotes = read_quotes(table)
    if "session" in quotes.columns:
        other = quotes.filter(pl.col("session") != session)
        if other.height:
            raise SourceError(
                f"{path.name} holds quotes of {other['session'][0]}, which is not the session "
                f"{session}; split it by session: options-platform import"
            )
    return chain_of(path, quotes, ticker, session)


def read_quotes(table: FileTable) -> pl.DataFrame:
    """One typed row per contract, with `session` and `ticker` if the file has them.

    Raises :class:`SourceError` with the line of an unreadable value.
    """
    path, frame = table.path, _one_a_row(table)
    for name in ("expiry", "session"):
        if name in frame.columns:
            frame = with_dates(path, frame, name, order=table.layout.order)
    _require_one_time_of_day(path, frame)
    for name in TIMES:
        if name in frame.columns:
            frame = with_times(path, frame, name)
    frame = with_numbers(path, frame, [name for name in NUMBERS if name in frame.columns])
    for name, factor in table.layout.scale.items():
        frame = frame.with_columns(pl.col(name) * factor)
    frame = _with_terms_of_symbols(path, frame) if "expiry" not in frame.columns else frame
    frame = _with_rights(path, frame)
    if table.layout.stamped:
        frame = _with_stamp(table.above, frame)
    wrong = frame.filter(pl.col("strike").is_null() | ~(pl.col("strike") > 0))
    if wrong.height:
        raise SourceError(f"{path.name} line {wrong['line'][0]}: no strike above 0; correct it")
    if "ticker" in frame.columns:
        names = frame["ticker"].unique().to_list()
        tickers = {name: symbol_in_file(name) for name in names if name is not None}
        frame = frame.with_columns(pl.col("ticker").replace(tickers))
    if "root" in frame.columns:
        terms = (pl.col(name) for name in ("expiry", "right", "strike"))
        root = pl.col("root").str.strip_chars().str.strip_chars_start("^")
        frame = frame.with_columns(contract_symbol=symbol_expr(root, *terms))
    return frame.drop("line", "root", "clock", strict=False)


def chain_of(path: Path, quotes: pl.DataFrame, ticker: str, session: date) -> pl.DataFrame:
    """The quotes of one ticker and session in SOURCE_CHAIN_SCHEMA.

    Raises :class:`SourceError` for a quote of another session or a later trade.
    """
    at_close = close_time(session).astimezone(UTC)
    unknown = {name: pl.lit(None) for name in SOURCE_CHAIN_SCHEMA if name not in quotes.columns}
    chain = quotes.with_columns(**unknown).with_columns(
        pl.col("quoted_at").cast(SOURCE_CHAIN_SCHEMA["quoted_at"]).fill_null(at_close),
        pl.col("contract_symbol").cast(pl.String).fill_null(standard_symbol(pl.lit(ticker))),
        ticker=pl.lit(ticker),
        source=pl.lit("csv"),
    )
    chain = chain.select(SOURCE_CHAIN_SCHEMA.names()).cast(dict(SOURCE_CHAIN_SCHEMA))  # type: ignore[arg-type]
    days = {name: pl.col(name).dt.convert_time_zone("America/New_York").dt.date() for name in TIMES}
    later = chain.filter(days["last_trade_at"] > session)
    if later.height:
        raise SourceError(
            f"{path.name} holds a trade of {later['last_trade_at'][0]:%Y-%m-%d %H:%M} UTC, "
            f"after the session {session}; put it into the file of its session"
        )
    other = chain.filter(days["quoted_at"] != session)
    if other.height:
        raise SourceError(
            f"{path.name} holds a quote of {other['quoted_at'][0]:%Y-%m-%d %H:%M} UTC, "
            f"not of the session {session}; put it into the file of its session"
        )
    return chain


def _one_a_row(table: FileTable) -> pl.DataFrame:
    """One row per contract, also if the file has a call and a put in each row."""
    layout, frame = table.layout, table.frame
    if not layout.calls:
        return frame
    common = ["line", *table.names]
    sides = [
        frame.select(
            *common,
            *(pl.col(theirs).alias(ours) for ours, theirs in side.items()),
            right=pl.lit(right),
        )
        for right, side in (("call", layout.calls), ("put", layout.puts))
    ]
    return pl.concat(sides)


def _require_one_time_of_day(path: Path, frame: pl.DataFrame) -> None:
    if "clock" not in frame.columns:
        return
    clocks = frame.group_by("session").agg(pl.col("clock").n_unique())
    several = clocks.filter(pl.col("clock") > 1)
    if several.height:
        raise SourceError(
            f"{path.name} holds quotes at {several['clock'][0]} times of day on "
            f"{several['session'].min()!s}; fetch the end-of-day file"
        )


def quote_stamp(above: str) -> datetime | None:
    """The time of the quotes in the text above a header; None if it has none."""
    stamp = STAMP.search(above)
    if stamp is None:
        return None
    month, day, year, clock, half = stamp.groups()
    form = "%b %d %Y %I:%M %p" if half else "%b %d %Y %H:%M"
    text = f"{month[:3]} {day} {year} {clock} {half or ''}".strip()
    return datetime.strptime(text, form).replace(tzinfo=ZoneInfo("America/New_York"))


def _with_stamp(above: str, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `session` and `quoted_at` from the text above the header, if it has a time."""
    quoted = quote_stamp(above)
    if quoted is None:
        return frame
    return frame.with_columns(session=pl.lit(quoted.date()), quoted_at=pl.lit(quoted))


def _with_terms_of_symbols(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with expiry, right and strike from the contracts' OCC symbols."""
    parts = parse_symbols(frame["contract_symbol"])
    unread = frame.filter(parts["expiry"].is_null())
    if unread.height:
        line, text = unread.select("line", "contract_symbol").row(0)
        raise SourceError(f"{path.name} line {line}: {text!r} is no OCC symbol; correct it")
    return frame.with_columns(parts.select("expiry", "right", "strike"))


def _with_rights(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    text = pl.col("right").cast(pl.String).str.strip_chars().str.to_lowercase()
    read = frame.with_columns(read=text.replace_strict(RIGHTS, default=None))
    wrong = read.filter(pl.col("read").is_null())
    if wrong.height:
        line, value = wrong.select("line", "right").row(0)
        shown = repr(value or "")
        raise SourceError(f"{path.name} line {line}: {shown} is neither call nor put; correct it")
    return read.with_columns(right=pl.col("read")).drop("read")
