"""The warning example of the report: what a backtest shows of stocks priced on the VIX."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import VIX
from options_platform.domain.backtest_study.price_risk import AS_MEASURED
from options_platform.domain.backtest_study.scorecard import MODEL
from options_platform.domain.backtest_study.vix_example import (
    EXAMPLES,
    NAIVE,
    ON_VIX,
    own_priced_stocks,
)
from options_platform.domain.features.table import FEATURES_TABLE

MEANINGS = {
    AS_MEASURED: "each stock on its own volatility, by the rules for stocks",
    ON_VIX: "the same rules, stocks priced on the VIX",
    NAIVE: "priced on the VIX, widths in USD, held through reports",
}


def vix_example_section(price_risk: pl.DataFrame, warehouse: Warehouse) -> dict[str, Any] | None:
    """What the section shows; None where the stored run has no stock with prices of its own.

    `price_risk` are the rows of `backtest_price_risk` of the run that the report shows.
    """
    of_rules = price_risk.filter(pl.col("name") == MODEL)
    if not of_rules["scenario"].is_in(list(EXAMPLES)).any():
        return None
    by_name = {row["scenario"]: row for row in of_rules.to_dicts()}
    rows = [
        by_name[name] | {"meaning": meaning, "is_wrong": name in EXAMPLES}
        for name, meaning in MEANINGS.items()
        if name in by_name
    ]
    return {"rows": rows, "stocks": _stocks(warehouse)}


def _stocks(warehouse: Warehouse) -> list[dict[str, Any]]:
    """How much each stock moved, beside its own volatility and the VIX on the same sessions."""
    index = warehouse.read(VIX, columns=[*KEY, "iv_symbol", "iv_close", "vix"]).drop_nulls()
    symbols = dict(
        index.sort("date").group_by("ticker").agg(pl.col("iv_symbol").last()).iter_rows()
    )
    moved = warehouse.read(FEATURES_TABLE, columns=[*KEY, "hv_20"])
    return (
        index.filter(pl.col("ticker").is_in(own_priced_stocks(symbols, ())))
        .join(moved.drop_nulls(), on=KEY)
        .group_by("ticker")
        .agg(
            symbol=pl.col("iv_symbol").last(),
            realised=pl.col("hv_20").mean(),
            own=pl.col("iv_close").mean() / 100.0,
            vix=pl.col("vix").mean() / 100.0,
            to_own=(100.0 * pl.col("hv_20") / pl.col("iv_close")).mean(),
            to_vix=(100.0 * pl.col("hv_20") / pl.col("vix")).mean(),
        )
        .sort("ticker")
        .to_dicts()
    )
