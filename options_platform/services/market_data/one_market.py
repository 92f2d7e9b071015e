"""One home has one market: data of a proxy source is never mixed with that of another source.

A series that is half simulated and half real would train models on a market that never existed.
Rows of several real sources may be mixed: they are of the same market, and each names its source.
"""

from __future__ import annotations

from options_platform.adapters.ports.market_data import SourceInfo
from options_platform.adapters.sources import open_source, source_options
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.errors import UsageError
from options_platform.settings import Settings
from options_platform.settings.sources import proxy_sources, source_entry


def require_same_market(warehouse: Warehouse, source: SourceInfo) -> None:
    """Raise :class:`UsageError` if the stored bars are of a proxy and `source` is not, or reversed.

    Two proxies are two markets as well, unless one is configured as the other's fallback.
    """
    stored = _stored_sources(warehouse)
    allowed = {source.name, *source.stand_ins}
    foreign = sorted(stored - allowed if source.proxy else stored & proxy_sources())
    if foreign:
        raise UsageError(
            f"{warehouse.path.parent} holds bars of source {', '.join(foreign)}, which are another "
            f"market than {source.name}'s; set OPTIONS_HOME to a new folder for {source.name}, or "
            f"OPTIONS_SOURCE back to {foreign[0]}"
        )


def other_market(settings: Settings, warehouse: Warehouse) -> str | None:
    """The source of the stored bars if they are of another market than the settings' source.

    As for :func:`require_same_market`, without opening the source.
    """
    stored, proxies = _stored_sources(warehouse), proxy_sources()
    named = {settings.source, *settings.fallback_sources}
    foreign = stored - named if settings.source in proxies else stored & proxies
    return min(filter(source_entry, foreign), default=None)


def proxy_note(settings: Settings) -> str | None:
    """That the source has no prices of the tickers themselves; None for one that has."""
    if settings.source not in proxy_sources():
        return None
    label = open_source(settings.source, source_options(settings)).info.label
    return f"Proxy data: {label}. No result here is a result of the funds themselves."


def _stored_sources(warehouse: Warehouse) -> set[str]:
    return set(warehouse.read(RAW_OHLCV, columns=["source"])["source"].unique().to_list())
