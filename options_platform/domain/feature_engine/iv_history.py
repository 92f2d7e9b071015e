"""The 30-day at-the-money implied volatility of a ticker, from its option chains.

At the money means at the forward F of the expiry: implied volatilities of call and put are averaged
per strike and interpolated linearly between the strikes around F. Total variance is interpolated
linearly in time between the two expiries around 30 days, as the Cboe does for the VIX (Cboe
Volatility Index Mathematics Methodology):

    iv^2 T = (iv1^2 T1 (T2 - T) + iv2^2 T2 (T - T1)) / (T2 - T1),   T = 30/365

The VIX is a variance swap rate over all strikes; because of the equity skew it is above the
at-the-money volatility. Every value is computed from the chain of its session only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import IV_HISTORY
from options_platform.domain.feature_engine.series import lengths_of, with_formulas
from options_platform.domain.features.windows import rank
from options_platform.domain.pricing import DAYS_A_YEAR

CHAIN = "CHAIN"
"""The `iv_symbol` setting of a ticker whose implied volatility comes from its option chains."""
MODEL = "MODEL"
"""The `iv_symbol` setting of a stock whose implied volatility is modelled."""
TARGET_DAYS = 30
NO_CHAIN, NO_BRACKET = "NO_CHAIN", "NO_BRACKET"
_VALUES = pl.Schema(
    {
        "date": pl.Date,
        "ticker": pl.String,
        "iv_30d": pl.Float64,
        "near_expiry": pl.Date,
        "next_expiry": pl.Date,
        "n_strikes": pl.Int32,
        "missing": pl.String,
    }
)


@dataclass(frozen=True)
class AtTheMoneyRules:
    """Which expiries and strikes may be used for the at-the-money volatility.

    Expiries must be `min_days` to `max_days` away (calendar days) and have at least `min_strikes`
    good strikes; the strikes around the forward may be at most `max_strike_gap` apart, a fraction
    of the forward.
    """

    min_days: int = 7
    max_days: int = 75
    max_strike_gap: float = 0.05
    min_strikes: int = 4


def chain_iv(
    quotes: pl.DataFrame, rules: AtTheMoneyRules, *, rate: float, dividend: float
) -> pl.DataFrame:
    """The 30-day at-the-money volatility of each chain.

    Args:
        quotes: rows of `option_chain` of any number of chains; only good quotes are used.
        rules: which expiries and strikes may be used.
        rate: risk-free rate, annualised, continuously compounded.
        dividend: dividend yield, annualised, continuously compounded.

    Returns:
        One row per chain: date, ticker, iv_30d (annualised fraction), near_expiry, next_expiry,
        n_strikes, missing. If there is no usable expiry on one side of 30 days, `iv_30d` is null
        and `missing` is NO_BRACKET.
    """
    chains = quotes.select(KEY).unique(maintain_order=True)
    money = _at_the_money(quotes, rules, rate, dividend)
    target = TARGET_DAYS / DAYS_A_YEAR
    columns = ["expiry", "years", "variance", "strikes"]
    before = money.filter(pl.col("years") <= target).group_by(KEY, maintain_order=True)
    after = money.filter(pl.col("years") > target).group_by(KEY, maintain_order=True)
    near = before.agg(pl.col(columns).last())
    beyond = after.agg(pl.col(columns).first()).rename({name: f"{name}_2" for name in columns})
    span = pl.col("years_2") - pl.col("years")
    mixed = (
        pl.col("variance") * (pl.col("years_2") - target)
        + pl.col("variance_2") * (target - pl.col("years"))
    ) / span
    exact = pl.col("years") == target
    variance = pl.when(exact).then(pl.col("variance")).otherwise(mixed)
    strikes = pl.when(exact).then("strikes").otherwise(pl.col("strikes") + pl.col("strikes_2"))
    interpolated = near.join(beyond, on=KEY, how="left").select(
        *KEY,
        iv_30d=(variance / target).sqrt(),
        near_expiry="expiry",
        next_expiry=pl.when(~exact).then("expiry_2"),
        n_strikes=strikes.cast(pl.Int32),
    )
    valued = interpolated.filter(pl.col("iv_30d").is_not_null())
    return (
        chains.join(valued, on=KEY, how="left")
        .with_columns(missing=pl.when(pl.col("iv_30d").is_null()).then(pl.lit(NO_BRACKET)))
        .select(_VALUES.names())
        .cast(_VALUES)
        .sort(KEY)
    )


def _at_the_money(
    quotes: pl.DataFrame, rules: AtTheMoneyRules, rate: float, dividend: float
) -> pl.DataFrame:
    """At-the-money total variance of each usable expiry, by date, ticker and expiry."""
    good = quotes.filter(
        pl.col("quality").is_null() & pl.col("dte").is_between(rules.min_days, rules.max_days)
    )
    group = [*KEY, "expiry"]
    smile = (
        good.group_by(*group, "strike")
        .agg(
            # Sorted, so that the mean does not depend on the row order in its last bits.
            iv=pl.col("iv").sort().mean(),
            spot=pl.col("spot").min(),
            years=pl.col("years").min(),
        )
        .with_columns(forward=pl.col("spot") * ((rate - dividend) * pl.col("years")).exp())
        .sort(*group, "strike")
    )
    at_or_below = pl.col("strike") <= pl.col("forward")
    sides = smile.group_by(group, maintain_order=True).agg(
        years=pl.col("years").first(),
        forward=pl.col("forward").first(),
        strikes=pl.len(),
        low=pl.col("strike").filter(at_or_below).last(),
        iv_low=pl.col("iv").filter(at_or_below).last(),
        high=pl.col("strike").filter(~at_or_below).first(),
        iv_high=pl.col("iv").filter(~at_or_below).first(),
    )
    weight = (pl.col("forward") - pl.col("low")) / (pl.col("high") - pl.col("low"))
    iv = pl.col("iv_low") + weight * (pl.col("iv_high") - pl.col("iv_low"))
    close = (pl.col("high") - pl.col("low")) <= rules.max_strike_gap * pl.col("forward")
    return (
        sides.filter(close & (pl.col("strikes") >= rules.min_strikes))
        .with_columns(variance=iv * iv * pl.col("years"))
        .sort(*KEY, "years")
    )


def build_history(keys: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Rows of `iv_history` for each (date, ticker) of `keys`, with ranks.

    The rank is defined as in the features: (v - min) / (max - min) over the last 252 values,
    skipping sessions without one. It is null before 252 values, and on sessions without a value.

    Args:
        keys: date and ticker of every session since the first bar of each ticker.
        values: rows of :func:`chain_iv`.
    """
    rows = (
        keys.select(KEY)
        .join(values.select(_VALUES.names()), on=KEY, how="left")
        .sort("ticker", "date")
    )
    valued = rows.filter(pl.col("iv_30d").is_not_null())
    ranks = with_formulas(valued, lengths_of(valued["ticker"]), {"iv_rank": rank("iv_30d")}).select(
        *KEY, "iv_rank"
    )
    has_value = pl.col("iv_30d").is_not_null()
    return (
        rows.join(ranks, on=KEY, how="left")
        .with_columns(
            n_observations=has_value.cum_sum().over("ticker", order_by="date").cast(pl.Int32),
            missing=pl.when(~has_value).then(pl.col("missing").fill_null(NO_CHAIN)),
        )
        .select(IV_HISTORY.schema.names())
        .cast(IV_HISTORY.schema)
        .sort(KEY)
    )


def series_names(iv_symbols: Mapping[str, str]) -> dict[str, str]:
    """`iv_symbols` with CHAIN and MODEL replaced by one series per ticker, e.g. `CHAIN:AAPL`.

    A ticker uses the same series in all its rows.
    """
    return {
        ticker: f"{symbol}:{ticker}" if symbol in {CHAIN, MODEL} else symbol
        for ticker, symbol in iv_symbols.items()
    }


def chain_closes(history: pl.DataFrame, source: str) -> pl.DataFrame:
    """The values of `iv_history` as closes of an index, in index points.

    Columns date, symbol (`CHAIN:TICKER`), close and source, as `index_series.align_indices` needs.
    """
    return history.filter(pl.col("iv_30d").is_not_null()).select(
        "date",
        symbol=pl.concat_str(pl.lit(f"{CHAIN}:"), "ticker"),
        close=pl.col("iv_30d") * 100.0,
        source=pl.lit(source),
    )
