"""Static arbitrage within a chain, at its bids and asks.

Carr and Madan, "A note on sufficient conditions for no arbitrage" (2005): prices are monotone and
convex in the strike, and do not fall with the expiry. Each rule buys at the ask and sells at the
bid, so a reported arbitrage is executable; noise inside the bid-ask spread is not reported.
"""

from __future__ import annotations

import polars as pl

from options_platform.domain.chain.chain import Chain

RULES = ("MONOTONE", "CONVEX", "CALENDAR")
TOLERANCE_USD = 1e-9


def arbitrages(chain: Chain) -> pl.DataFrame:
    """The arbitrages of a chain; empty if there are none.

    MONOTONE: a vertical spread is entered for a credit although it can never lose. CONVEX: the
    same for a butterfly. CALENDAR: an out-of-the-money option is cheaper than the same strike
    with an earlier expiry; in-the-money options are not compared, since the price of a European
    put there may fall with time to expiry.

    Returns:
        Columns rule, expiry, right, strike, profit_usd (USD a share).
    """
    rows = chain.quotes.filter((pl.col("bid") > 0) & (pl.col("ask") > 0))
    candidates = [_monotone(rows), _convex(rows), _calendar(rows, chain.spot)]
    return (
        pl.concat(candidates)
        .filter(pl.col("profit_usd") > TOLERANCE_USD)
        .sort("expiry", "right", "strike", "rule")
    )


def _shown(rows: pl.DataFrame, rule: str) -> pl.DataFrame:
    return rows.select(pl.lit(rule).alias("rule"), "expiry", "right", "strike", "profit_usd")


def _monotone(rows: pl.DataFrame) -> pl.DataFrame:
    expiry_and_right = ["expiry", "right"]
    next_bid, next_ask = (pl.col(name).shift(-1).over(expiry_and_right) for name in ("bid", "ask"))
    calls = pl.col("right") == "call"
    # Buy the more valuable option: calls fall with the strike, puts rise.
    profit = pl.when(calls).then(next_bid - pl.col("ask")).otherwise(pl.col("bid") - next_ask)
    return _shown(rows.with_columns(profit_usd=profit).drop_nulls("profit_usd"), "MONOTONE")


def _convex(rows: pl.DataFrame) -> pl.DataFrame:
    expiry_and_right = ["expiry", "right"]
    below, above = (pl.col("strike").shift(n).over(expiry_and_right) for n in (1, -1))
    ask_below, ask_above = (pl.col("ask").shift(n).over(expiry_and_right) for n in (1, -1))
    share = (above - pl.col("strike")) / (above - below)
    wings = share * ask_below + (1.0 - share) * ask_above
    profit = pl.col("bid") - wings
    return _shown(rows.with_columns(profit_usd=profit).drop_nulls("profit_usd"), "CONVEX")


def _calendar(rows: pl.DataFrame, spot: float) -> pl.DataFrame:
    out_of_the_money = (pl.col("right") == "call") == (pl.col("strike") >= spot)
    sorted_rows = rows.filter(out_of_the_money).sort("right", "strike", "expiry")
    later = pl.col("ask").shift(-1).over("right", "strike")
    profit = pl.col("bid") - later
    return _shown(sorted_rows.with_columns(profit_usd=profit).drop_nulls("profit_usd"), "CALENDAR")
