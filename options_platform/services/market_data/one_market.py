"""One home has one market: data of a proxy source is never mixed with that of another source.

A series that is half simulated and half real would train models on a market that never existed.
Rows of several real sources may be mixed: they are of the same market, and each names its source.
"""

from __future__ import annotations

from options_platform.adapters.ports.market_data import SourceInfo
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.errors import UsageError
from options_platform.settings.sources import proxy_sources


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


def _stored_sources(warehouse: Warehouse) -> set[str]:
    if not warehouse.path.exists() or not warehouse.has(RAW_OHLCV):
        return set()
    sources = warehouse.query(f"SELECT DISTINCT source FROM {RAW_OHLCV.name}")
    return set(sources["source"].to_list())
