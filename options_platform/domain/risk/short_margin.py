"""Capital at risk of undefined-risk positions: short options without a protective wing.

Such a position has no maximum loss. Sizing, limits and buying power use the larger of the broker's
margin and the loss in a stress scenario instead. A move larger than the stress can lose more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing import european_price


@dataclass(frozen=True)
class UndefinedRiskRules:
    """Settings for the capital at risk of undefined-risk positions.

    `margin_rate` and `margin_minimum` are those of the broker's margin rule, fractions of the
    underlying (of the strike for the minimum of a put). `stress_move` is the instantaneous move of
    the underlying, up and down, in the stress scenario.
    """

    margin_rate: float = 0.20
    margin_minimum: float = 0.10
    stress_move: float = 0.20

    def __post_init__(self) -> None:
        if not 0.0 < self.margin_minimum <= self.margin_rate < 1.0:
            raise ValueError("0 < margin_minimum <= margin_rate < 1 must hold")
        if not 0.0 < self.stress_move < 1.0:
            raise ValueError("stress_move lies between 0 and 1")


@dataclass(frozen=True)
class ShortLegs:
    """Short legs, arrays of shape [rows, legs]; `spot` has shape [rows].

    `sign` is +1 for calls and -1 for puts; `years` the time to expiry; `vol` the implied volatility
    (annualised fraction); prices in USD a share.
    """

    spot: Floats
    strike: Floats
    sign: Floats
    mid: Floats
    years: Floats
    vol: Floats


def short_margin(spot: Floats, strike: Floats, sign: Floats, rate: float, minimum: float) -> Floats:
    """Margin of a short straddle or strangle in excess of its proceeds, USD a share, shape [rows].

    The margin of a leg is max(`rate` x spot - out-of-the-money amount, `minimum` x spot for a call
    or x strike for a put). The larger of call and put counts, since only one can expire in the
    money. The rule also requires the proceeds of both, which the account has received. Source:
    FINRA Rule 4210(f)(2)(E) and the Cboe margin manual, short straddles and strangles, with 20% and
    10% for equities and ETFs. `spot` has shape [rows], `strike` and `sign` [rows, legs].
    """
    under = spot[..., None]
    outside = np.maximum(sign * (strike - under), 0.0)
    base = np.where(sign > 0, under, strike)
    return np.asarray(np.max(np.maximum(rate * under - outside, minimum * base), axis=-1))


def stress_loss(legs: ShortLegs, move: float, rate: float, dividend: float) -> Floats:
    """Larger loss of an instantaneous move up or down by `move`, USD a share, shape [rows].

    Legs are repriced at their current implied volatilities, at least at their intrinsic values.
    """
    worst = np.full(legs.spot.shape, -np.inf)
    for factor in (1.0 - move, 1.0 + move):
        at = legs.spot[:, None] * factor
        model_price = european_price(
            at, legs.strike, legs.years, legs.vol, rate, dividend, legs.sign
        )
        value = np.maximum(model_price, np.maximum(legs.sign * (at - legs.strike), 0.0))
        worst = np.maximum(worst, np.sum(value - legs.mid, axis=1))
    return worst


def capital_at_risk(
    legs: ShortLegs, rules: UndefinedRiskRules, rate: float, dividend: float
) -> Floats:
    """The larger of margin and stress loss, USD a share, before fees; shape [rows]."""
    margin = short_margin(
        legs.spot, legs.strike, legs.sign, rules.margin_rate, rules.margin_minimum
    )
    return np.maximum(margin, stress_loss(legs, rules.stress_move, rate, dividend))
