"""Opening a strategy on a chain, real or synthetic: its legs by delta, width and expiry."""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.domain.chain import Chain, ChainRules
from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT
from options_platform.domain.strategies.base import Leg, Strategy
from options_platform.domain.strategies.spread import Spread, SpreadLeg
from options_platform.errors import PricingError


def open_spread(
    strategy: Strategy,
    chain: Chain,
    expiry: date,
    rules: ChainRules,
    *,
    delta: float,
    width: float,
    near_expiry: date | None = None,
    undefined_risk_allowed: bool = False,
) -> Spread:
    """The strategy's legs on `chain`, all expiring on `expiry` but `near` legs.

    Anchors have the nearest listed delta (the listed strike nearest to the spot where the
    strategy is centred), wings the listed strike nearest to `width` USD further out.

    Raises :class:`PricingError` where the chain lacks a strike, the risk has no bound and
    `undefined_risk_allowed` does not say so, or a calendar has no nearer expiry.
    """
    if not strategy.defined_risk and not undefined_risk_allowed:
        raise PricingError(
            f"{strategy.name} can lose without bound; allow it (undefined_risk_allowed), or take "
            "iron_butterfly or iron_condor"
        )
    if not strategy.one_expiry and (near_expiry is None or near_expiry >= expiry):
        raise PricingError(f"{strategy.name} needs a near_expiry before {expiry}")
    anchors = {right: _anchor(strategy, chain, expiry, right, delta) for right in strategy.rights}
    legs = tuple(
        _leg(leg, chain, near_expiry if leg.role == "near" else expiry, anchors[leg.right], width)
        for leg in strategy.legs
    )
    return Spread(strategy.name, chain.spot, legs, rules.risk_free_rate, rules.dividend_yield)


def _anchor(strategy: Strategy, chain: Chain, expiry: date, right: str, delta: float) -> float:
    if not strategy.centred:
        return float(str(chain.nearest_delta(expiry, right, delta)["strike"]))
    side = chain.side(expiry, right)
    distance = (pl.col("strike") - chain.spot).abs()
    return float(side.sort(distance, "strike")["strike"][0])


def _leg(leg: Leg, chain: Chain, expiry: date | None, anchor: float, width: float) -> SpreadLeg:
    assert expiry is not None  # noqa: S101 (open_spread has refused a calendar without one)
    sign = CALL if leg.right == "call" else PUT
    rows = chain.side(expiry, leg.right).filter(pl.col("iv").is_not_null())
    if leg.role == "wing":
        wanted = anchor + sign * width
        rows = rows.filter((pl.col("strike") - anchor) * sign > 0)
        rows = rows.sort((pl.col("strike") - wanted).abs(), "strike")
    else:
        rows = rows.filter(pl.col("strike") == anchor)
    if rows.is_empty():
        raise PricingError(
            f"{chain.ticker} lists no {leg.right} for the {leg.role} at {anchor:g}, {expiry}, "
            f"on {chain.session}"
        )
    quote = rows.row(0, named=True)
    return SpreadLeg(
        side=1.0 if leg.side == "buy" else -1.0,
        sign=sign,
        strike=quote["strike"],
        years=(expiry - chain.session).days / DAYS_A_YEAR,
        iv=quote["iv"],
        bid=quote["bid"],
        mid=quote["mid"],
        ask=quote["ask"],
    )
