"""Option chains and earnings dates out of files; what a file does not give is null."""

from __future__ import annotations

from datetime import UTC, date
from pathlib import Path

import polars as pl

from options_platform.adapters.ports import CHAIN_SCHEMA, EARNINGS_SCHEMA
from options_platform.adapters.sources.csv_files import (
    read_table,
    with_dates,
    with_numbers,
    with_times,
)
from options_platform.domain.calendar import close_time
from options_platform.domain.occ import own_symbol
from options_platform.errors import SourceError

TERMS = ("expiry", "right", "strike")
RIGHTS = {"call": "call", "c": "call", "put": "put", "p": "put"}
TIMES = ("quoted_at", "last_trade_at")
TIMINGS = ("before_open", "after_close")
EPS = ("eps_estimate", "eps_reported")


def read_chain(path: Path, ticker: str, session: date) -> pl.DataFrame:
    """The file's contracts in CHAIN_SCHEMA.

    Quotes without a time of their own are those of the session's close; contracts without a
    symbol get that of the OCC. SourceError for terms that cannot be read, and for a ticker or a
    quote of another session than the file's name says.
    """
    named = [name for name in CHAIN_SCHEMA if name not in (*TERMS, "source")]
    table = read_table(path, TERMS, optional=named)
    for name in TIMES:
        if name in table.columns:
            table = with_times(path, table, name)
    numbers = [
        name for name, kind in CHAIN_SCHEMA.items() if kind == pl.Float64 and name in table.columns
    ]
    table = with_numbers(path, with_dates(path, table, "expiry"), numbers)
    table = _with_rights(path, table)
    _require_terms(path, table, ticker)
    at_close = close_time(session).astimezone(UTC)
    unknown = {name: pl.lit(None) for name in CHAIN_SCHEMA if name not in table.columns}
    table = table.with_columns(**unknown).with_columns(
        pl.col("quoted_at").cast(CHAIN_SCHEMA["quoted_at"]).fill_null(at_close),
        pl.col("contract_symbol").cast(pl.String).fill_null(own_symbol(pl.lit(ticker))),
        ticker=pl.lit(ticker),
        source=pl.lit("csv"),
    )
    table = table.select(CHAIN_SCHEMA.names()).cast(dict(CHAIN_SCHEMA))  # type: ignore[arg-type]
    other = table.filter(
        pl.col("quoted_at").dt.convert_time_zone("America/New_York").dt.date() != session
    )
    if other.height:
        raise SourceError(
            f"{path.name} holds a quote of {other['quoted_at'][0]:%Y-%m-%d %H:%M} UTC, which is "
            f"not of the session {session}; file it under its own"
        )
    return table


def read_earnings(path: Path, ticker: str) -> pl.DataFrame:
    """The file's reports in EARNINGS_SCHEMA; SourceError for an unknown timing."""
    table = read_table(path, ("date",), optional=("timing", *EPS), may_be_empty=True)
    table = with_dates(path, table)
    table = with_numbers(path, table, [name for name in EPS if name in table.columns])
    unknown = {name: pl.lit(None) for name in EARNINGS_SCHEMA if name not in table.columns}
    table = table.with_columns(**unknown).with_columns(
        timing=_without_blanks("timing"), ticker=pl.lit(ticker), source=pl.lit("csv")
    )
    wrong = table.with_row_index("line", offset=2).filter(~pl.col("timing").is_in(TIMINGS))
    if wrong.height:
        line, text = wrong.select("line", "timing").row(0)
        raise SourceError(
            f"{path.name} line {line}: {text!r} is neither {' nor '.join(TIMINGS)}; correct it"
        )
    return table.select(EARNINGS_SCHEMA.names()).cast(dict(EARNINGS_SCHEMA))  # type: ignore[arg-type]


def _with_rights(path: Path, table: pl.DataFrame) -> pl.DataFrame:
    text = _without_blanks("right").str.to_lowercase()
    read = table.with_columns(read=text.replace_strict(RIGHTS, default=None))
    wrong = read.with_row_index("line", offset=2).filter(pl.col("read").is_null())
    if wrong.height:
        line, value = wrong.select("line", "right").row(0)
        raise SourceError(f"{path.name} line {line}: {value!r} is neither call nor put; correct it")
    return read.with_columns(right=pl.col("read")).drop("read")


def _require_terms(path: Path, table: pl.DataFrame, ticker: str) -> None:
    lines = table.with_row_index("line", offset=2)
    wrong = lines.filter(pl.col("strike").is_null() | ~(pl.col("strike") > 0))
    if wrong.height:
        raise SourceError(f"{path.name} line {wrong['line'][0]}: no strike above 0; correct it")
    if "ticker" in table.columns:
        wrong = lines.filter(pl.col("ticker") != ticker)
        if wrong.height:
            line, other = wrong.select("line", "ticker").row(0)
            raise SourceError(f"{path.name} line {line} is of {other}, not of {ticker}; move it")


def _without_blanks(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)
