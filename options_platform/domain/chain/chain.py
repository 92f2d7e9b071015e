"""The option chain of a ticker at the close of a session, real or synthetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from options_platform.errors import PricingError

CHAIN_SCHEMA = pl.Schema(
    {
        "expiry": pl.Date,
        "right": pl.String,
        "strike": pl.Float64,
        "bid": pl.Float64,
        "mid": pl.Float64,
        "ask": pl.Float64,
        "iv": pl.Float64,
        "delta": pl.Float64,
        "volume": pl.Float64,
        "open_interest": pl.Float64,
    }
)
"""Prices in USD a share as traded; `iv` an annualised fraction; `delta` per share, negative for
puts; volume and open interest in contracts, null on a synthetic chain."""


@dataclass(frozen=True)
class Chain:
    """Quotes of one ticker and session.

    `quotes` are in `CHAIN_SCHEMA`, sorted by expiry, right and strike; `spot` in USD a share as
    traded; `source` says whether the quotes are real or synthetic.
    """

    session: date
    ticker: str
    spot: float
    source: Literal["real", "synthetic"]
    quotes: pl.DataFrame

    @property
    def expiries(self) -> list[date]:
        """Listed expiries, ascending."""
        return self.quotes["expiry"].unique().sort().to_list()

    def side(self, expiry: date, right: str) -> pl.DataFrame:
        """Quotes of one expiry and right, ascending by strike.

        Raises :class:`PricingError` if the chain lists none.
        """
        rows = self.quotes.filter((pl.col("expiry") == expiry) & (pl.col("right") == right))
        if rows.is_empty():
            raise PricingError(
                f"the {self.source} chain of {self.ticker} for {self.session} lists no {right} "
                f"that expires {expiry}; its expiries are {', '.join(map(str, self.expiries))}"
            )
        return rows

    def nearest_delta(self, expiry: date, right: str, delta: float) -> dict[str, object]:
        """The quote whose absolute delta is nearest to `delta`; the lower strike wins a tie.

        Quotes without a bid or without a delta are ignored. Raises :class:`PricingError` if no
        quote is left.
        """
        rows = self.side(expiry, right).filter((pl.col("bid") > 0) & pl.col("delta").is_not_null())
        if rows.is_empty():
            raise PricingError(
                f"no {right} of {self.ticker} for {expiry} has a bid on {self.session}"
            )
        distance = (pl.col("delta").abs() - delta).abs()
        return rows.sort(distance, "strike").row(0, named=True)

    def contract(self, expiry: date, right: str, strike: float) -> dict[str, object]:
        """The quote of one contract; raises :class:`PricingError` if the strike is not listed."""
        rows = self.side(expiry, right).filter(pl.col("strike") == strike)
        if rows.is_empty():
            raise PricingError(
                f"{self.ticker} lists no {right} at {strike:g} for {expiry} on {self.session}"
            )
        return rows.row(0, named=True)


def real_chain(rows: pl.DataFrame) -> Chain:
    """The chain of stored quotes; quotes that failed a quality gate are left out.

    Args:
        rows: rows of `option_chain` for one date and ticker.

    Raises:
        PricingError: `rows` belong to several chains, or none of them is good.
    """
    keys = rows.select("date", "ticker").unique()
    if keys.height != 1:
        raise PricingError(
            f"a chain is of one date and ticker, and these rows are of {keys.height}"
        )
    session, ticker = keys.row(0)
    good = rows.filter(
        pl.col("quality").is_null() & (pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))
    )
    if good.is_empty():
        raise PricingError(f"the stored chain of {ticker} for {session} has no good quote")
    quotes = good.select(CHAIN_SCHEMA.names()).sort("expiry", "right", "strike")
    return Chain(session, ticker, float(good["spot"].median()), "real", quotes.cast(CHAIN_SCHEMA))  # type: ignore[arg-type]
