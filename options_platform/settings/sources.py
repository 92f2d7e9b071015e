"""The sources of market data; a new one is a file in `adapters/sources/` and a line in `SOURCES`.

One of another package is an entry point in the group `options_platform.sources` that is a
:class:`SourceEntry`; it is loaded when the source is used.
A source describes itself once it is opened (`SourceInfo`); an entry has what must be known before.
Nothing is imported, so that reading the settings stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from options_platform.extensions import by_name, load, require


@dataclass(frozen=True)
class SourceEntry:
    """A source by name; `module` is its file in `adapters/sources/`, or in `package`: it opens it.

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
    package: str = "options_platform.adapters.sources"


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

EARNINGS_ONLY = (SourceEntry("edgar", "edgar.source"),)
"""Sources of the dates of earnings reports alone, for the setting `earnings_sources`."""

_BUILTIN = {entry.name: entry for entry in SOURCES}
_DECLARED = by_name("sources", _BUILTIN)
SOURCE_NAMES = (*_BUILTIN, *_DECLARED)

EARNINGS_NAMES = (*SOURCE_NAMES, *(entry.name for entry in EARNINGS_ONLY))

if TYPE_CHECKING:
    SourceName = str
    EarningsSourceName = str
else:
    SourceName = Literal[SOURCE_NAMES]
    EarningsSourceName = Literal[EARNINGS_NAMES]


def source_entry(name: str) -> SourceEntry | None:
    """The entry of that name, of those of earnings alone too; None if no source has it.

    Raises :class:`SettingsError` for one of another package that cannot be used.
    """
    alone = next((entry for entry in EARNINGS_ONLY if entry.name == name), None)
    if name in _BUILTIN or name not in _DECLARED:
        return _BUILTIN.get(name, alone)
    entry: SourceEntry = require(_DECLARED[name], require_source)
    return entry


def require_source(name: str, member: Any) -> None:
    """Raise TypeError or ValueError unless `member` is the entry of a source of that name."""
    if not isinstance(member, SourceEntry):
        raise TypeError(f"it is a {type(member).__name__}, not a SourceEntry")
    if member.name != name:
        raise ValueError(f"the entry is of {member.name}; both names must be the same")
    if member.package == SourceEntry.package:
        raise ValueError("the entry does not name the package that its module is in")


@cache
def proxy_sources() -> frozenset[str]:
    """The names of the sources whose data are not of the tickers' own market."""
    entries = [*SOURCES, *(load(each, require_source) for each in _DECLARED.values())]
    return frozenset(entry.name for entry in entries if entry is not None and entry.is_proxy)
