"""Whether a chain can be traded against itself for a sure profit, at its bids and asks.

Carr and Madan, "A note on sufficient conditions for no arbitrage" (2005): prices monotone and
convex in the strike, and not falling with the expiry. Each rule buys at the ask and sells at the
bid, so what is found could be done; noise inside the quotes is no arbitrage.
"""

from __future__ import annotations

import polars as pl

from options_platform.domain.chain.chain import Chain

RULES = ("MONOTONE", "CONVEX", "CALENDAR")
TOLERANCE_USD = 1e-9


def arbitrages(chain: Chain) -> pl.DataFrame:
    """The arbitrages of a chain: rule, expiry, right, strike, profit_usd a share; empty if none.

    MONOTONE: a vertical spread that pays to hold. CONVEX: a butterfly that does. CALENDAR: a
    later option out of the money that is cheaper than the same strike's earlier one; in the
    money that may be right, since a European put there falls with time.
    """
    rows = chain.quotes.filter((pl.col("bid") > 0) & (pl.col("ask") > 0))
    found = [_monotone(rows), _convex(rows), _calendar(rows, chain.spot)]
    return (
        pl.concat(found)
        .filter(pl.col("profit_usd") > TOLERANCE_USD)
        .sort("expiry", "right", "strike", "rule")
    )


def _shown(rows: pl.DataFrame, rule: str) -> pl.DataFrame:
    return rows.select(pl.lit(rule).alias("rule"), "expiry", "right", "strike", "profit_usd")


def _monotone(rows: pl.DataFrame) -> pl.DataFrame:
    own = ["expiry", "right"]
    next_bid, next_ask = (pl.col(name).shift(-1).over(own) for name in ("bid", "ask"))
    calls = pl.col("right") == "call"
    # The better option of the two is bought: calls fall with the strike, puts rise.
    profit = pl.when(calls).then(next_bid - pl.col("ask")).otherwise(pl.col("bid") - next_ask)
    return _shown(rows.with_columns(profit_usd=profit).drop_nulls("profit_usd"), "MONOTONE")


def _convex(rows: pl.DataFrame) -> pl.DataFrame:
    own = ["expiry", "right"]
    below, above = (pl.col("strike").shift(n).over(own) for n in (1, -1))
    share = (above - pl.col("strike")) / (above - below)
    wings = share * pl.col("ask").shift(1).over(own) + (1.0 - share) * pl.col("ask").shift(-1).over(
        own
    )
    profit = pl.col("bid") - wings
    return _shown(rows.with_columns(profit_usd=profit).drop_nulls("profit_usd"), "CONVEX")


def _calendar(rows: pl.DataFrame, spot: float) -> pl.DataFrame:
    out_of_the_money = (pl.col("right") == "call") == (pl.col("strike") >= spot)
    sorted_rows = rows.filter(out_of_the_money).sort("right", "strike", "expiry")
    later = pl.col("ask").shift(-1).over("right", "strike")
    profit = pl.col("bid") - later
    return _shown(sorted_rows.with_columns(profit_usd=profit).drop_nulls("profit_usd"), "CALENDAR")
