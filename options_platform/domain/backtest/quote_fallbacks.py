"""Prices of contracts that have no good quote, from other quotes of the same chain and expiry."""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.domain.chain import ChainRules
from options_platform.domain.chain.underlying import EUROPEAN
from options_platform.domain.pricing import black_scholes, implied_vol

EXPIRY = ["date", "ticker", "last_day"]
SMALLEST_SMILE = 5
PRICES = pl.Schema(
    {"row": pl.Int64, "leg": pl.Int64} | dict.fromkeys(("bid", "mid", "ask", "iv"), pl.Float64)
)


def by_parity(wanted: pl.DataFrame, chains: pl.DataFrame, rules: ChainRules) -> pl.DataFrame:
    """Quotes moved from the other right at the strike, in `PRICES`.

    call - put = S exp(-qT) - K exp(-rT), with the spot that the quotes of the expiry imply at the
    same rates, so that an error in the rates hardly matters. Of American options only those out of
    the money are priced so, whose early exercise is worth little.

    Args:
        wanted: row, leg, date, ticker, last_day, right, sign, strike and cents.
        chains: quotes with `cents` and `two_sided`, whether bid and ask are sound, if wide.
        rules: the rates.
    """
    other = chains.filter("two_sided").select(
        *EXPIRY, "cents", "bid", "ask", "spot", "years",
        right=pl.when(pl.col("right") == "call").then(pl.lit("put")).otherwise(pl.lit("call")),
    )  # fmt: skip
    pairs = wanted.join(other, on=[*EXPIRY, "right", "cents"], maintain_order="left")
    rate, dividend = rules.risk_free_rate, rules.dividend_yield
    spot, strike, years = pl.col("spot"), pl.col("strike"), pl.col("years")
    forward = spot * (-dividend * years).exp() - strike * (-rate * years).exp()
    exact = pl.col("ticker").is_in(EUROPEAN) | (pl.col("sign") * (spot - strike) <= 0)
    moved = pairs.filter(exact & (years > 0)).with_columns(
        bid=(pl.col("bid") + pl.col("sign") * forward).clip(lower_bound=0.0),
        ask=pl.col("ask") + pl.col("sign") * forward,
    )
    priced = moved.with_columns(mid=(pl.col("bid") + pl.col("ask")) / 2.0).filter(pl.col("ask") > 0)
    values = {name: priced[name].to_numpy() for name in ("mid", "spot", "strike", "years", "sign")}
    vol = implied_vol(
        values["mid"], values["spot"], values["strike"], values["years"], rate, dividend,
        values["sign"],
    )  # fmt: skip
    return priced.with_columns(iv=pl.Series(vol).fill_nan(None)).select(PRICES.names())


def by_smile(wanted: pl.DataFrame, chains: pl.DataFrame, rules: ChainRules) -> pl.DataFrame:
    """Prices at the volatility between the other strikes of the expiry, in `PRICES`.

    Total variance is linear in ln(K / F) between the nearest good out-of-the-money quotes below and
    above the wanted strike. The strike itself is left out, so that this price may judge its quotes;
    there are at least five others. Bid and ask are unknown.

    Only for a contract in the money that has no such neighbours, good quotes in the money of its
    own right serve where a strike has none out of the money: they are as dear as it is, and their
    widths as small against its price.
    """
    smiles = chains.filter(pl.col("quality").is_null() & (pl.col("iv") > 0) & (pl.col("years") > 0))
    carry = rules.risk_free_rate - rules.dividend_yield
    k = (pl.col("strike") / pl.col("spot")).log() - carry * pl.col("years")
    smiles = smiles.with_columns(k=k, variance=pl.col("iv") ** 2 * pl.col("years"))
    smiles = smiles.with_columns(out=(pl.col("right") == "call") == (pl.col("k") > 0))
    by_expiry = smiles.partition_by(EXPIRY, as_dict=True, maintain_order=True)
    frames = [pl.DataFrame(schema=PRICES)]
    for key, legs in wanted.partition_by(EXPIRY, as_dict=True, maintain_order=True).items():
        if (points := by_expiry.get(key)) is None:
            continue
        frames.append(_interpolated(legs, points.filter("out"), rules))
        rest = legs.join(frames[-1], on=["row", "leg"], how="anti", maintain_order="left")
        for (right,), same in rest.partition_by("right", as_dict=True).items():
            spot = points["spot"].median()
            dear = same.filter((pl.col("strike") > spot) == (right == "put"))
            frames.append(
                _interpolated(
                    dear, points.filter(pl.col("out") | (pl.col("right") == right)), rules
                )
            )
    return pl.concat(frames)


def _interpolated(legs: pl.DataFrame, smile: pl.DataFrame, rules: ChainRules) -> pl.DataFrame:
    smile = smile.sort("cents", ~pl.col("out")).unique("cents", keep="first", maintain_order=True)
    if smile.is_empty() or legs.is_empty():
        return pl.DataFrame(schema=PRICES)
    spot, years = smile["spot"].median(), smile["years"].median()
    assert isinstance(spot, float)  # noqa: S101 (there is a strike)
    assert isinstance(years, float)  # noqa: S101
    cents, variance = smile["cents"].to_numpy(), smile["variance"].to_numpy()
    below = np.searchsorted(cents, legs["cents"].to_numpy(), side="left") - 1
    above = np.searchsorted(cents, legs["cents"].to_numpy(), side="right")
    others = len(cents) - (above - below - 1)
    inside = (below >= 0) & (above < len(cents)) & (others >= SMALLEST_SMILE)
    below, above = below[inside], above[inside]
    strike, sign = legs["strike"].to_numpy()[inside], legs["sign"].to_numpy()[inside]
    rate, dividend = rules.risk_free_rate, rules.dividend_yield
    # ln(K / F), but for a constant.
    x, at = np.log(smile["strike"].to_numpy()), np.log(strike)
    weight = (at - x[below]) / (x[above] - x[below])
    vol = np.sqrt(((1.0 - weight) * variance[below] + weight * variance[above]) / years)
    priced = black_scholes(
        np.full(len(vol), spot), strike, np.full(len(vol), years), vol, rate, dividend, sign
    )
    return (
        legs.filter(pl.Series(inside))
        .select("row", "leg")
        .with_columns(
            bid=pl.lit(None, pl.Float64),
            mid=pl.Series(priced.price),
            ask=pl.lit(None, pl.Float64),
            iv=pl.Series(vol),
        )
    )
