"""The newest stored closes, which orders, stops and the way out of positions begin from."""

from __future__ import annotations

from collections.abc import Callable

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.calendar.sessions import shift
from options_platform.errors import PlatformError
from options_platform.services.earnings.trade_evidence import with_proven
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.stock_betas import with_betas
from options_platform.services.market_data.yields_and_tenors import stored_odd_splits, stored_tenors
from options_platform.services.planning.plan_tables import Market, market_closes
from options_platform.settings import Settings

BUSY_SECONDS = 5.0
"""How long a way out of positions waits for the warehouse."""


def stored_market(warehouse: Warehouse) -> Market:
    """The closes of the two newest stored sessions; empty before anything is stored.

    Raises :class:`WarehouseBusyError` if another process holds the warehouse for too long.
    """
    newest = warehouse.read(RAW_OHLCV, columns=["date"])["date"].max()
    if newest is None:
        return {}
    since = shift(newest, -1)  # type: ignore[arg-type]
    return market_closes(
        warehouse.read(RAW_OHLCV, start=since),
        warehouse.read(VIX, start=since),
        stored_tenors(warehouse),
        splits=stored_odd_splits(warehouse),
    )


def readable_prices(settings: Settings, warn: Callable[[str], None]) -> tuple[Market, Settings]:
    """The stored closes, and the settings with the stored fits of the surface.

    Either is left out, with a warning, if it cannot be read within `BUSY_SECONDS`: no stop and no
    closing of positions waits for the warehouse.
    """
    market: Market = {}
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=BUSY_SECONDS)
    try:
        market = stored_market(warehouse)
    except PlatformError as error:
        warn(f"without stored closes only quotes value positions: {error}")
    try:
        priced = with_proven(with_fits(settings, warehouse), warehouse)
        return market, with_betas(priced, warehouse)
    except PlatformError as error:
        warn(f"the model prices each ticker as its class, without the stored fits: {error}")
    return market, settings
