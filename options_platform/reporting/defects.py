"""Defects that no single row shows, for the data page: wrong adjustments, and refused quotes."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.domain.market.corporate_actions import adjusted_throughout, adjustment_gaps

SHOWN = 24


def price_defects(bars: pl.DataFrame, *, proxy: bool) -> list[dict[str, Any]]:
    """Defects of price adjustment: ticker, date (None for the whole series) and what.

    Finds tickers whose prices are all adjusted for dividends, and steps of `adj_close` that the
    known dividends do not explain. Empty for a proxy source, whose prices were never traded.
    """
    if proxy or bars.is_empty():
        return []
    whole = [
        {"ticker": ticker, "date": None, "what": "open to close are adjusted for dividends as well"}
        for ticker in adjusted_throughout(bars)
    ]
    return [*whole, *adjustment_gaps(bars).tail(SHOWN).to_dicts()]


def quote_defects(chains: pl.DataFrame) -> list[dict[str, Any]]:
    """Number of contracts of each chain that each quality gate refused, good ones first.

    Args:
        chains: `date`, `ticker` and `quality` of rows of `option_chain`.

    Returns:
        ticker, date, gate (`good` if the contract passed all gates), contracts and their share.
    """
    counted = chains.group_by("ticker", "date", gate=pl.col("quality").fill_null("good")).agg(
        contracts=pl.len()
    )
    share = pl.col("contracts") / pl.col("contracts").sum().over("ticker", "date")
    return (
        counted.with_columns(share=share)
        .sort("ticker", "date", pl.col("gate") != "good", "contracts", "gate",
              descending=[False, False, False, True, False])
        .to_dicts()
    )  # fmt: skip
