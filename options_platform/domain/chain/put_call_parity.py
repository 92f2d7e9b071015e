"""Put-call parity: the spot implied by a chain's quotes, and pairs that violate the bounds.

European parity (Hull, Options, Futures and Other Derivatives, section 11.4) is
C - P = S exp(-qT) - K exp(-rT), so the call and put of one strike imply a spot. The pairs nearest
the money are used, as the Cboe does for the forward of the VIX (Cboe Volatility Index Mathematics
Methodology, "Step 2": the strike where call and put prices are closest); the median of seven pairs
is more stable than a single one. American options only satisfy bounds (same section):
S exp(-qT) - K <= C - P <= S - K exp(-rT), with the dividend as a yield.
"""

from __future__ import annotations

import polars as pl

EXPIRY = ["date", "ticker", "expiry"]
PAIRS = 7
NEAR_DAYS = 60


def _pairs(quotes: pl.DataFrame, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Call and put of the same strike in one row; `difference` is call mid - put mid."""
    key = [*EXPIRY, "strike", "root"]
    kept = ("mid", "bid", "ask", "contract_symbol")
    calls = quotes.filter(pl.col("right") == "call").select(*key, "years", "dte", *extra, *kept)
    puts = quotes.filter(pl.col("right") == "put").select(*key, *kept)
    return calls.join(puts, on=key, suffix="_put").with_columns(
        difference=pl.col("mid") - pl.col("mid_put")
    )


def implied_spots(
    quotes: pl.DataFrame, rate: float, dividend: float, min_pairs: int
) -> pl.DataFrame:
    """The spot implied by the quotes of each expiry, and by the whole chain.

    Args:
        quotes: good two-sided quotes: date, ticker, expiry, right, strike, root, mid, bid, ask,
            contract_symbol, years and dte.
        rate: risk-free rate, annualised, continuously compounded.
        dividend: dividend yield, annualised, continuously compounded.
        min_pairs: least number of call-put pairs; an expiry with fewer is left out.

    Returns:
        date, ticker, expiry, parity_spot and chain_spot (USD a share); chain_spot is the median
        over the expiries within 60 days, or over all expiries if none is that near.
    """
    years = pl.col("years")
    spot = (pl.col("difference") + pl.col("strike") * (-rate * years).exp()) * (
        dividend * years
    ).exp()
    by_expiry = (
        _pairs(quotes)
        .with_columns(spot=spot, distance=pl.col("difference").abs())
        .sort(*EXPIRY, "distance", "strike", "contract_symbol")
        .group_by(EXPIRY, maintain_order=True)
        .agg(
            parity_spot=pl.col("spot").head(PAIRS).median(),
            pairs=pl.len(),
            dte=pl.col("dte").first(),
        )
        .filter(pl.col("pairs") >= min_pairs)
    )
    near = pl.col("parity_spot").filter(pl.col("dte") <= NEAR_DAYS).median()
    chain_spot = near.fill_null(pl.col("parity_spot").median()).over("date", "ticker")
    return by_expiry.select(*EXPIRY, "parity_spot", chain_spot=chain_spot)


def pair_breaks_parity(
    quotes: pl.DataFrame, rate: float, dividend: float, slack: float
) -> pl.DataFrame:
    """Contracts whose call-put pair violates the American parity bounds.

    A violation by up to half of both bid-ask spreads plus `slack` of the spot is tolerated. Both
    legs are returned, since either may be the wrong quote.

    Args:
        quotes: date, ticker, expiry, right, strike, root, contract_symbol, mid, bid, ask, spot,
            years, dte, standard.
        rate: risk-free rate, annualised, continuously compounded.
        dividend: dividend yield, annualised, continuously compounded.
        slack: tolerance as a fraction of the spot.

    Returns:
        date, ticker, contract_symbol, breaks_parity (always true).
    """
    sound = quotes.filter(
        pl.col("mid").is_not_null() & (pl.col("spot") > 0) & (pl.col("years") > 0)
    )
    years, spot, strike = pl.col("years"), pl.col("spot"), pl.col("strike")
    width = (pl.col("ask") - pl.col("bid") + pl.col("ask_put") - pl.col("bid_put")) / 2.0
    room = width + slack * spot
    low = spot * (-dividend * years).exp() - strike
    high = spot - strike * (-rate * years).exp()
    # With rates below the dividend yield the European value lies outside the American bounds.
    european = spot * (-dividend * years).exp() - strike * (-rate * years).exp()
    pairs = _pairs(sound, ("spot",)).filter(
        (pl.col("difference") < pl.min_horizontal(low, european) - room)
        | (pl.col("difference") > pl.max_horizontal(high, european) + room)
    )
    named = pl.concat(
        [
            pairs.select("date", "ticker", "contract_symbol"),
            pairs.select("date", "ticker", contract_symbol="contract_symbol_put"),
        ]
    )
    return named.unique(maintain_order=True).with_columns(breaks_parity=pl.lit(value=True))
