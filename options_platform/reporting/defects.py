"""What the data page tells of defects that no single row shows: of adjustments, and of quotes."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.domain.market.corporate_actions import adjusted_throughout, adjustment_gaps

SHOWN = 24


def price_defects(bars: pl.DataFrame, *, proxy: bool) -> list[dict[str, Any]]:
    """Tickers whose prices are adjusted for dividends throughout, and steps of `adj_close` that
    the known dividends do not explain: ticker, date (None for all of it) and what.

    Nobody traded at a proxy's prices, so nothing is said of them.
    """
    if proxy or bars.is_empty():
        return []
    whole = [
        {"ticker": ticker, "date": None, "what": "open to close are adjusted for dividends as well"}
        for ticker in adjusted_throughout(bars)
    ]
    return [*whole, *adjustment_gaps(bars).tail(SHOWN).to_dicts()]


def quote_defects(chains: pl.DataFrame) -> list[dict[str, Any]]:
    """Of each chain, how many contracts each gate has set aside, the good ones first.

    Args:
        chains: `date`, `ticker` and `quality` of rows of `option_chain`.

    Returns:
        ticker, date, gate (good where no gate was broken), contracts and their share.
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
