"""The market data sources; a new one is a file here and a line in `settings.sources.SOURCES`.

The file has a class that fits `MarketDataSource` of `adapters.ports.market_data`, a function
`open_source` that makes one of `SourceOptions` and, where a source needs a package or a key,
`require_ready`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from options_platform.adapters.ports.market_data import (
    EarningsSource,
    MarketDataSource,
    Source,
    gives_earnings,
)
from options_platform.adapters.sources.options import SourceOptions
from options_platform.domain.market.index_series import OWN_INDEX
from options_platform.errors import UsageError
from options_platform.settings.sources import SOURCE_NAMES, source_entry

if TYPE_CHECKING:
    from options_platform.settings import Settings

__all__ = [
    "SourceOptions",
    "open_earnings_source",
    "open_source",
    "require_ready",
    "source_options",
]


class SourceFile(Protocol):
    """What the file of a source holds beside its class."""

    def open_source(self, options: SourceOptions) -> MarketDataSource:
        """The source; nothing is asked of it yet."""
        ...


def source_options(settings: Settings) -> SourceOptions:
    """The options that the settings give."""
    return SourceOptions(
        csv_dir=settings.csv_dir,
        seed=settings.simulated_seed,
        cache_dir=settings.home / "cache",
        requests_per_minute=settings.requests_per_minute,
        fallbacks=settings.fallback_sources,
        iv_symbols=OWN_INDEX | settings.iv_symbol,
        edgar_contact=settings.edgar_contact,
    )


def open_source(name: str, options: SourceOptions) -> MarketDataSource:
    """The source of that name, with the stand-ins of the options behind it.

    Raises :class:`UsageError` naming the known ones for a name that is none.
    """
    opened = [_file_of(each).open_source(options) for each in (name, *options.fallbacks)]
    if len(opened) == 1:
        return opened[0]
    from options_platform.adapters.sources.fallback import FallbackSource

    return FallbackSource(opened)


def open_earnings_source(name: str, options: SourceOptions) -> EarningsSource:
    """The source of that name alone, which gives dates of earnings reports.

    Raises :class:`UsageError` for one that gives none.
    """
    opened: Source = _file_of(name).open_source(options)
    if not gives_earnings(opened):
        raise UsageError(
            f"source {name} gives no dates of earnings reports; take it out of earnings_sources"
        )
    return opened


def require_ready(name: str) -> None:
    """SourceError if the source lacks a package or a key on this machine, saying which."""
    ready = getattr(_file_of(name), "require_ready", None)
    if ready is not None:
        ready()


def _file_of(name: str) -> SourceFile:
    entry = source_entry(name)
    if entry is None:
        raise UsageError(f"no source {name!r}; sources are {', '.join(SOURCE_NAMES)}")
    # Imported by name, so that a run loads no source but its own.
    return cast("SourceFile", import_module(f"{entry.package}.{entry.module}"))
