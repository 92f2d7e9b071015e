"""Stocks whose source gives neither dividends nor splits: what follows, and what to do."""

from __future__ import annotations

import polars as pl

from options_platform.domain.market.index_series import may_be_stock
from options_platform.settings import Settings


def without_actions(bars: pl.DataFrame, settings: Settings) -> dict[str, str]:
    """By ticker one line for each stock without known dividends and splits.

    `bars` are rows of `raw_ohlcv` (ticker, dividend, split_factor, bad_reason); bad ones, which
    hold nothing, are not judged.
    """
    good = bars.filter(pl.col("bad_reason").is_null())
    known = pl.col("dividend", "split_factor").is_not_null().any()
    by_ticker = good.group_by("ticker").agg(known).sort("ticker")
    funds = settings.plan.chain.surface.funds
    return {
        ticker: _line(ticker, settings)
        for ticker, dividends, splits in by_ticker.iter_rows()
        if not (dividends or splits) and may_be_stock(ticker, funds)
    }


def _line(ticker: str, settings: Settings) -> str:
    remedy = (
        f"add {ticker}_actions.csv, with its header alone if there were none"
        if settings.source == "csv"
        else "take them from another source, or from files (source csv)"
    )
    return (
        f"{ticker} has no dividends and splits: its strikes are of adjusted prices, and nothing "
        f"foresees an early assignment before an ex-date (DIVIDENDS_UNKNOWN); {remedy}"
    )
