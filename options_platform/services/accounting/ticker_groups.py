"""The groups of the configured tickers, stored for the marts, which read tables alone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.marts import build_marts
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TICKER_GROUPS
from options_platform.services.market_data.stock_betas import with_betas
from options_platform.settings import Settings

MARKET = "SPY"


def store_ticker_groups(
    warehouse: Warehouse, settings: Settings, weights: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """Replace `ticker_groups` by what the settings say now; returns its rows.

    `weights` are those of tickers in the index behind SPY, as fractions; null for others.
    """
    weights = weights or {}
    risk = with_betas(settings, warehouse).risk
    rows = pl.DataFrame(
        [
            (
                MARKET,
                ticker,
                risk.group(ticker),
                risk.betas.get(ticker),
                weights.get(ticker),
            )
            for ticker in settings.tickers
        ],
        schema=TICKER_GROUPS.schema,
        orient="row",
    )
    warehouse.write([(TICKER_GROUPS, rows)])
    return rows


def build_grouped_marts(warehouse: Warehouse, settings: Settings) -> list[tuple[str, int]]:
    """Store the groups, then rebuild the marts; returns their names and row counts.

    Raises :class:`MartError` for a mart that cannot be built; the stored marts are then unchanged.
    """
    # To open the file takes longer than to write the groups, so both steps share a connection.
    with held(warehouse.path, wait_seconds=warehouse.wait_seconds):
        store_ticker_groups(warehouse, settings, settings.groups.weights)
        return build_marts(warehouse)
