"""Tickers in files: the spellings of publishers, and files of another ticker."""

from __future__ import annotations

import polars as pl

from options_platform.adapters.sources.files.reading import FileTable
from options_platform.adapters.sources.files.text.rows import plain
from options_platform.contracts.renamed import RENAMED
from options_platform.errors import SourceError

# Roots of an index's weekly or PM-settled options, which some publishers give as the underlying,
# and the former symbol of QQQ (2004-12-01 to 2011-03-22).
TICKERS_OF_ROOTS = {
    "SPXW": "SPX",
    "SPXPM": "SPX",
    "NDXP": "NDX",
    "RUTW": "RUT",
    "VIXW": "VIX",
    "XSPW": "XSP",
    "QQQQ": "QQQ",
}


def symbol_in_file(name: str) -> str:
    """The ticker for a publisher's symbol: SPY for `spy.us`, VIX for `^VIX`, SPX for `SPXW`."""
    bare = name.strip().upper().lstrip("^$").removeprefix("I:")
    for ending in (".US", "-US", " US EQUITY", " INDEX", " US"):
        bare = bare.removesuffix(ending)
    return TICKERS_OF_ROOTS.get(bare, bare)


def same_symbol(one: str, other: str) -> bool:
    """Whether two symbols mean the same ticker; `BRK.B` is also written `BRK-B` and `BRKB`."""
    return plain(one).replace(" ", "") == plain(other).replace(" ", "")


def is_of(name: str, symbol: str) -> bool:
    """Whether a file of `symbol` may call it `name`: in another spelling, or by a former ticker."""
    present = symbol_in_file(name)
    new = RENAMED.get(present)
    return same_symbol(present, symbol) or (new is not None and same_symbol(new.ticker, symbol))


def require_symbol(table: FileTable, symbol: str) -> None:
    """Raise :class:`SourceError` if the file names another ticker than `symbol`."""
    frame, path = table.frame, table.path
    if "ticker" in frame.columns:
        names = frame["ticker"].drop_nulls().unique().to_list()
        others = [name for name in names if not is_of(name, symbol)]
        wrong = frame.filter(pl.col("ticker").is_in(others))
        if wrong.height:
            line, name = wrong.select("line", "ticker").row(0)
            raise SourceError(
                f"{path.name} line {line} is of {name}, not of {symbol}; move it, or split the "
                "file by ticker: options-platform import"
            )
