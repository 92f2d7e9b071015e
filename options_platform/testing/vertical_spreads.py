"""Entry and exit value of every vertical spread in stored chains.

There is no account and no selection: every pair of strikes of each session and expiry is entered
at the mids and closed at the mids a fixed number of days before expiry. This shows where in a
chain the premium is, before any rule picks a strike.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

CHAIN = ["ticker", "expiry"]
MIN_DTE = 1


def vertical_spreads(
    quotes: pl.DataFrame,
    right: Literal["call", "put"],
    sold: Literal["lower", "upper"],
    *,
    max_entry_dte: int = 45,
    exit_dte: int = 0,
    min_quote_usd: float = 0.05,
) -> pl.DataFrame:
    """All vertical spreads of calls, or of puts, that sell the lower or the upper strike.

    Args:
        quotes: ticker, date, expiry, right, strike, bid, ask; the quotes on the expiry day are
            the exercise values. A strike without a quote on the exit day gives no trade.
        right: calls or puts, the same for both legs.
        sold: strike that is sold; selling the upper put makes a bull put spread.
        max_entry_dte: highest days to expiry at entry.
        exit_dte: days to expiry on which every spread is closed.
        min_quote_usd: at entry, bid and ask of both legs must exceed this (USD a share).

    Returns:
        ticker, date, expiry, dte, lower, upper (strikes), entry_price and exit_value (USD a
        share; debit positive), and profit_share, the profit over the absolute entry price (null
        where that is zero).
    """
    legs = _legs(
        quotes.lazy().filter(pl.col("right") == right), max_entry_dte, exit_dte, min_quote_usd
    )
    starts = legs.select(
        pl.struct("ticker", "date", "expiry").rle_id().cast(pl.Int64).alias("chain")
    )["chain"].to_numpy()
    lower, upper = _pairs(starts)
    sign = 1.0 if sold == "upper" else -1.0
    mid, exit_mid = legs["mid"].to_numpy(), legs["exit_mid"].to_numpy()
    strike = legs["strike"].to_numpy()
    return (
        legs.select("ticker", "date", "expiry", "dte")[lower]
        .with_columns(
            lower=pl.Series(strike[lower]),
            upper=pl.Series(strike[upper]),
            entry_price=pl.Series(sign * (mid[lower] - mid[upper])),
            exit_value=pl.Series(sign * (exit_mid[lower] - exit_mid[upper])),
        )
        .with_columns(
            profit_share=pl.when(pl.col("entry_price") != 0).then(
                (pl.col("exit_value") - pl.col("entry_price")) / pl.col("entry_price").abs()
            )
        )
    )


def _legs(
    quotes: pl.LazyFrame, max_entry_dte: int, exit_dte: int, min_quote_usd: float
) -> pl.DataFrame:
    """The quotes that may be entered, with the mid of the same contract on its exit day.

    Sorted by ticker, date, expiry and strike.
    """
    dte = (pl.col("expiry") - pl.col("date")).dt.total_days()
    rows = quotes.with_columns(dte=dte, mid=(pl.col("bid") + pl.col("ask")) / 2.0)
    quoted = (pl.col("bid") > min_quote_usd) & (pl.col("ask") > min_quote_usd)
    within = pl.col("dte").is_between(max(MIN_DTE, exit_dte + 1), max_entry_dte)
    exit_quotes = rows.filter(pl.col("dte") == exit_dte).select(*CHAIN, "strike", exit_mid="mid")
    return (
        rows.filter(quoted & within)
        .join(exit_quotes, on=[*CHAIN, "strike"], how="inner")
        .sort("ticker", "date", "expiry", "strike")
        .select("ticker", "date", "expiry", "dte", "strike", "mid", "exit_mid")
        .collect()
    )


def _pairs(chain: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row indices of every pair within a chain; the rows of a chain are adjacent."""
    rows = np.arange(len(chain))
    end = np.searchsorted(chain, chain, side="right")
    after = end - rows - 1
    lower = np.repeat(rows, after)
    first = np.cumsum(after) - after
    upper = lower + 1 + np.arange(len(lower)) - np.repeat(first, after)
    return lower, upper
