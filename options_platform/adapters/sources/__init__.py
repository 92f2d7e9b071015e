"""The market data sources; a new one is a file here and a line in `SOURCES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.adapters.ports.market_data import MarketDataSource
from options_platform.errors import UsageError

if TYPE_CHECKING:
    from options_platform.settings import Settings


@dataclass(frozen=True)
class SourceOptions:
    """What the sources may need to be opened."""

    csv_dir: str = ""
    seed: int = 7
    cache_dir: Path = Path(".cache")
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[str, ...] = ()
    iv_symbols: Mapping[str, str] = field(default_factory=dict)


def source_options(settings: Settings) -> SourceOptions:
    """The options that the settings give."""
    return SourceOptions(
        csv_dir=settings.csv_dir,
        seed=settings.simulated_seed,
        cache_dir=settings.home / "cache",
        requests_per_minute=settings.requests_per_minute,
        fallbacks=settings.fallback_sources,
        iv_symbols=settings.iv_symbol,
    )


def _sample(_: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.sample import SampleSource

    return SampleSource()


def _csv(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.files.folder import CsvSource

    return CsvSource(options.csv_dir)


def _simulated(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.simulated import SimulatedSource

    return SimulatedSource(options.seed, options.iv_symbols)


def _yahoo(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.yahoo.source import YahooSource

    return YahooSource(
        cache_dir=options.cache_dir,
        requests_per_minute=options.requests_per_minute.get("yahoo"),
    )


def _alpaca(options: SourceOptions) -> MarketDataSource:
    from options_platform.adapters.sources.alpaca.source import AlpacaSource

    return AlpacaSource(
        cache_dir=options.cache_dir,
        requests_per_minute=options.requests_per_minute.get("alpaca"),
    )


SOURCES: dict[str, Callable[[SourceOptions], MarketDataSource]] = {
    "sample": _sample,
    "csv": _csv,
    "simulated": _simulated,
    "yahoo": _yahoo,
    "alpaca": _alpaca,
}

# Those whose data stands in for the ticker's own (`SourceInfo.proxy`), known without opening them.
PROXY_SOURCES = frozenset({"sample", "simulated"})


def open_source(name: str, options: SourceOptions) -> MarketDataSource:
    """The source of that name, with the stand-ins of the options behind it.

    Raises :class:`UsageError` naming the known ones for a name that is none.
    """
    opened = [_open(each, options) for each in (name, *options.fallbacks)]
    if len(opened) == 1:
        return opened[0]
    from options_platform.adapters.sources.fallback import FallbackSource

    return FallbackSource(opened)


def require_ready(name: str) -> None:
    """SourceError if the source lacks a package or a key on this machine, saying which."""
    if name == "alpaca":
        from options_platform.adapters.sources.alpaca.keys import require_keys, require_package

        require_package()
        require_keys()


def _open(name: str, options: SourceOptions) -> MarketDataSource:
    if name not in SOURCES:
        raise UsageError(f"no source {name!r}; sources are {', '.join(SOURCES)}")
    return SOURCES[name](options)
