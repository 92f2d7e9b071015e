"""The resources of assets, built from the settings; tests may override each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from options_platform.adapters.ports.market_data import MarketDataSource, Source
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.published.refreshing import publish_if_due
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import Progress
from options_platform.errors import PlatformError, SettingsError
from options_platform.settings import Settings, load_settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present time; the only place where assets read a clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Platform:
    """The stores, sources and clock that an asset may use.

    `progress` is called with (what, done, total) during long work; `second_source` returns the
    source that the first one is compared with, or None if none is configured. `earnings_sources`
    returns those that are asked for earnings reports, in order of preference. `settings_of` gives
    the settings by a rule set's name, with the rules of that set.
    """

    settings: Settings
    warehouse: Warehouse
    chains: ChainStore
    source: Callable[[], MarketDataSource]
    earnings_sources: Callable[[], tuple[Source, ...]]
    second_source: Callable[[], MarketDataSource | None]
    now: Clock
    progress: Progress
    settings_of: Callable[[str], Settings]


def source_gives(platform: Platform, kind: str) -> bool:
    """Whether the source provides `kind` (bars, index, chain, earnings).

    False for a source that cannot be opened.
    """
    try:
        return kind in platform.source().info.kinds
    except PlatformError:
        return False


def quiet(what: str, done: int, total: int) -> None:
    """A progress listener that shows nothing."""


def make_platform(settings: Settings, **overrides: Any) -> Platform:
    """The platform of the settings; keyword arguments replace its parts."""
    parts: dict[str, Any] = {
        "settings": settings,
        "warehouse": Warehouse(
            settings.warehouse_path,
            wait_seconds=settings.warehouse_wait_seconds,
            after_write=lambda: publish_if_due(settings.home),
        ),
        "chains": ChainStore(settings.chains_path),
        "source": lambda: _open_source(settings),
        "second_source": lambda: _open_second(settings),
        "now": utc_now,
        "progress": quiet,
        "settings_of": lambda name: _settings_of(settings, name),
    }
    parts |= overrides
    parts.setdefault("earnings_sources", lambda: _earnings_sources(settings, parts["source"]))
    return Platform(**parts)


def _earnings_sources(
    settings: Settings, source: Callable[[], MarketDataSource]
) -> tuple[Source, ...]:
    from options_platform.adapters.sources import open_earnings_source, source_options

    names = settings.earnings_sources or (settings.source,)
    return tuple(
        source()
        if name == settings.source
        else open_earnings_source(name, source_options(settings))
        for name in names
    )


def _settings_of(settings: Settings, name: str) -> Settings:
    if name == settings.rule_set:
        return settings
    other = load_settings(rule_set=name)
    if other.home != settings.home:
        raise SettingsError(
            f"rule set {name}: the working directory and the environment are of another home, "
            f"{other.home}; run from the folder of options.toml, or set OPTIONS_HOME"
        )
    return other


def _open_source(settings: Settings) -> MarketDataSource:
    from options_platform.adapters.sources import open_source, source_options

    return open_source(settings.source, source_options(settings))


def _open_second(settings: Settings) -> MarketDataSource | None:
    from options_platform.adapters.sources import open_source, source_options

    if not settings.second_source:
        return None
    options = replace(source_options(settings), csv_dir=settings.second_csv_dir, fallbacks=())
    return open_source(settings.second_source, options)
