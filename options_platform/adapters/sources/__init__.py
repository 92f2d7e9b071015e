"""The market data sources; a new one is a file here and a line in `SOURCES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.adapters.ports import MarketDataSource
from options_platform.errors import UsageError

if TYPE_CHECKING:
    from options_platform.settings import Settings


@dataclass(frozen=True)
class SourceOptions:
    """What the sources may need to be opened."""

    csv_dir: str = ""
    seed: int = 7
    cache_dir: Path = Path(".cache")


def source_options(settings: Settings) -> SourceOptions:
    """The options that the settings give."""
    return SourceOptions(settings.csv_dir, settings.simulated_seed, settings.home / "cache")


def _sample(_: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.sample import SampleSource

    return SampleSource()


def _csv(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.csv_folder import CsvSource

    return CsvSource(options.csv_dir)


def _simulated(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.simulated import SimulatedSource

    return SimulatedSource(options.seed)


def _yahoo(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.yahoo import YahooSource

    return YahooSource(cache_dir=options.cache_dir)


SOURCES: dict[str, Callable[[SourceOptions], MarketDataSource]] = {
    "sample": _sample,
    "csv": _csv,
    "simulated": _simulated,
    "yahoo": _yahoo,
}


def open_source(name: str, options: SourceOptions) -> MarketDataSource:
    """The source of that name; :class:`UsageError` naming the known ones otherwise."""
    if name not in SOURCES:
        raise UsageError(f"no source {name!r}; sources are {', '.join(SOURCES)}")
    return SOURCES[name](options)
