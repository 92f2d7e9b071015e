"""One home holds one market: data of a stand-in never lies beside that of another source.

A series that is half simulated and half real would train models on a market that never was. What
real sources give may lie side by side: it is the same market, and each row names its source.
"""

from __future__ import annotations

from options_platform.adapters.ports.market_data import SourceInfo
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.errors import UsageError
from options_platform.settings.sources import PROXY_SOURCES


def require_same_market(warehouse: Warehouse, source: SourceInfo) -> None:
    """:class:`UsageError` if the stored bars are of a stand-in and `source` is not, or reversed.

    Two stand-ins are two markets as well, unless one is set as the other's fallback.
    """
    stored = _stored_sources(warehouse)
    own = {source.name, *source.stand_ins}
    strange = sorted(stored - own if source.proxy else stored & PROXY_SOURCES)
    if strange:
        raise UsageError(
            f"{warehouse.path.parent} holds bars of source {', '.join(strange)}, which are another "
            f"market than {source.name}'s; set OPTIONS_HOME to a new folder for {source.name}, or "
            f"OPTIONS_SOURCE back to {strange[0]}"
        )


def _stored_sources(warehouse: Warehouse) -> set[str]:
    if not warehouse.path.exists() or not warehouse.has(RAW_OHLCV):
        return set()
    found = warehouse.query(f"SELECT DISTINCT source FROM {RAW_OHLCV.name}")
    return set(found["source"].to_list())
