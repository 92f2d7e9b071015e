"""The groups of the configured tickers, stored for the marts, which read tables alone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TICKER_GROUPS
from options_platform.settings import Settings

MARKET = "SPY"


def store_ticker_groups(
    warehouse: Warehouse, settings: Settings, weights: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """Replace `ticker_groups` by what the settings say now; returns its rows.

    `weights` are those of tickers in the index behind SPY, as fractions; null for others.
    """
    weights = weights or {}
    rows = pl.DataFrame(
        [
            (
                MARKET,
                ticker,
                settings.risk.group(ticker),
                settings.risk.betas.get(ticker),
                weights.get(ticker),
            )
            for ticker in settings.tickers
        ],
        schema=TICKER_GROUPS.schema,
        orient="row",
    )
    warehouse.write([(TICKER_GROUPS, rows)])
    return rows
