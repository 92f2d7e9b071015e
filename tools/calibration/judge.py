"""Errors of the surface on real chains: implied volatilities, and prices of spreads.

The model always starts from the ticker's own index, as the platform does, never from the chain's
volatility at the money.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.chain import SurfaceRules, Underlying, surface_iv
from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.pricing import black_scholes
from tools.calibration.load import RealChain

SHORTEST, LONGEST = 14, 60
SPREADS = {
    "put spread .16/.05": (("put", 0.16, 1), ("put", 0.05, -1)),
    "put spread .10/.03": (("put", 0.10, 1), ("put", 0.03, -1)),
    "straddle": (("put", 0.50, 1), ("call", 0.50, 1)),
    "iron condor .16/.05": (
        ("put", 0.16, 1), ("put", 0.05, -1), ("call", 0.16, 1), ("call", 0.05, -1),
    ),
}  # fmt: skip
# A spread is compared where the nearest quoted strike has nearly the delta.
NEAREST = 0.2


def rules_of(ticker: str, smiles: Mapping[str, Smile]) -> SurfaceRules:
    """The surface with `smiles`, those of classes without chains filled up from the others."""
    shared = next(smiles[name] for name in ("fund", "stock") if name in smiles)
    own = "fund" if ticker == "SPXW" else ticker
    smile = smiles.get(own) or smiles.get("fund" if own in ("SPY", "QQQ") else "stock") or shared
    return SurfaceRules(smiles={"fund": shared, "stock": shared, ticker: smile})


def modelled(chain: RealChain, points: pl.DataFrame, rules: SurfaceRules) -> Floats:
    """The surface's volatility of each of `points`, an annualised fraction."""
    underlying = Underlying.of(
        chain.ticker, chain.session, points["forward"].to_numpy(),
        np.full(points.height, chain.index),
        chain.term.each(lambda value: np.full(points.height, float(value))),
    )  # fmt: skip
    years = points["years"].to_numpy()
    return surface_iv(underlying, points["strike"].to_numpy(), years, rules, carry=0.0)


def errors(chain: RealChain, rules: SurfaceRules) -> pl.DataFrame:
    """`points` of 2 to 60 delta and 14 to 60 days with `error_points`, model less market."""
    points = chain.points.filter(
        pl.col("delta").abs().is_between(0.02, 0.60) & pl.col("dte").is_between(SHORTEST, LONGEST)
    )
    vol = modelled(chain, points, rules)
    return points.with_columns(error_points=pl.Series(100.0 * (vol - points["iv"].to_numpy())))


def spread_prices(chain: RealChain, rules: SurfaceRules) -> pl.DataFrame:
    """Model prices and real mids of `SPREADS`, of the same contracts.

    The strikes are those nearest to the deltas by the model, as a backtest chooses them, among the
    quoted ones; an expiry is left out where the nearest is more than a fifth of the delta away.

    Returns:
        session, ticker, spread, dte, model and real (USD a share).
    """
    points = chain.points.filter(pl.col("dte").is_between(SHORTEST, LONGEST))
    vol = modelled(chain, points, rules)
    sign = np.where((points["right"] == "call").to_numpy(), 1.0, -1.0)
    forward, years = points["forward"].to_numpy(), points["years"].to_numpy()
    spot = forward * np.exp(-chain.rate * years)
    greeks = black_scholes(spot, points["strike"].to_numpy(), years, vol, chain.rate, 0.0, sign)
    priced = points.with_columns(model=pl.Series(greeks.price), own_delta=pl.Series(greeks.delta))
    rows = []
    for _, own in priced.group_by("expiry", maintain_order=True):
        for name, legs in SPREADS.items():
            chosen = [_nearest(own, right, delta) for right, delta, _ in legs]
            if any(leg is None for leg in chosen):
                continue
            model, real = (
                sum(side * leg[value] for (_, _, side), leg in zip(legs, chosen, strict=True))
                for value in ("model", "mid")
            )
            rows.append((chain.session, chain.ticker, name, own["dte"][0], model, real))
    names = ["session", "ticker", "spread", "dte", "model", "real"]
    return pl.DataFrame(rows, schema=names, orient="row").filter(pl.col("real") > 0)


def _nearest(own: pl.DataFrame, right: str, delta: float) -> dict[str, float] | None:
    side = own.filter(pl.col("right") == right)
    if side.is_empty():
        return None
    off = (pl.col("own_delta").abs() - delta).abs()
    best = side.sort(off).row(0, named=True)
    return best if abs(abs(best["own_delta"]) - delta) <= NEAREST * delta else None
