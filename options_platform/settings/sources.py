"""The sources of market data; a new one is a file in `adapters/sources/` and a line in `SOURCES`.

A source describes itself once it is opened (`SourceInfo`); an entry has what must be known before.
Nothing is imported, so that reading the settings stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal


@dataclass(frozen=True)
class SourceEntry:
    """A source by name; `module` is its file in `adapters/sources/`, which opens it.

    `is_proxy` marks data in place of the tickers' own (simulated, or of an index), as
    `SourceInfo.proxy` does. `start`, `end` and `tickers` are the defaults of those settings: where
    its history is worth starting, where a frozen one ends. `requests_per_minute` is its limit where
    it has one; `needs_folder` says that it reads files of a folder.
    """

    name: str
    module: str
    is_proxy: bool = False
    start: date = date(2005, 1, 3)
    end: date | None = None
    tickers: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    needs_folder: bool = False


SOURCES = (
    SourceEntry(
        "sample",
        "sample",
        is_proxy=True,
        start=date(2010, 1, 4),
        end=date(2018, 12, 31),
        tickers=("SPY", "QQQ"),
    ),
    SourceEntry("csv", "files.folder", needs_folder=True),
    SourceEntry("simulated", "simulated", is_proxy=True, start=date(2015, 1, 2)),
    SourceEntry("yahoo", "yahoo.source", requests_per_minute=60),
    SourceEntry("alpaca", "alpaca.source", start=date(2016, 1, 4), requests_per_minute=180),
)

SOURCE_NAMES = tuple(entry.name for entry in SOURCES)
PROXY_SOURCES = frozenset(entry.name for entry in SOURCES if entry.is_proxy)

if TYPE_CHECKING:
    SourceName = str
else:
    SourceName = Literal[SOURCE_NAMES]


def source_entry(name: str) -> SourceEntry | None:
    """The entry of that name; None if no source has it."""
    return {entry.name: entry for entry in SOURCES}.get(name)
