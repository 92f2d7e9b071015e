"""Capital at risk of short options without a wing, whose loss has no bound.

Where a bounded spread states its maximum loss, such a position states the larger of two figures:
the margin that a broker asks for it, and what it loses in a stress. Sizing, limits and buying
power go by that figure. It is no bound: a larger move loses more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing import european_price


@dataclass(frozen=True)
class UndefinedRiskRules:
    """Capital at risk of short options without a wing, for plans that may hold them.

    `margin_rate` and `margin_minimum` are those of the broker's margin, fractions of the
    underlying; `stress_move` is the move of the underlying, up and down and at once, whose loss
    the limits are asked about.
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
    """The legs that are sold, arrays of shape [rows, legs] but `spot`, [rows].

    `sign` is +1 for calls and -1 for puts; `years` the time left, `vol` the implied volatility;
    prices USD a share.
    """

    spot: Floats
    strike: Floats
    sign: Floats
    mid: Floats
    years: Floats
    vol: Floats


def short_margin(spot: Floats, strike: Floats, sign: Floats, rate: float, minimum: float) -> Floats:
    """Margin of a short straddle or strangle beside its proceeds, USD a share, shape [rows].

    Of each leg max(`rate` x spot - what it is out of the money, `minimum` x spot for a call, x
    strike for a put); of a call and a put the larger, since only one can end in the money. The
    proceeds of both, which the rule asks for too, are what selling them brought: FINRA Rule
    4210(f)(2)(E) and Cboe's margin manual, short straddles and strangles, 20% and 10% for equities
    and exchange-traded funds. Legs along the last axis.
    """
    under = spot[..., None]
    outside = np.maximum(sign * (strike - under), 0.0)
    base = np.where(sign > 0, under, strike)
    return np.asarray(np.max(np.maximum(rate * under - outside, minimum * base), axis=-1))


def stress_loss(legs: ShortLegs, move: float, rate: float, dividend: float) -> Floats:
    """What the position loses at most if the spot moves by `move` up or down at once, [rows].

    Legs are repriced at their own implied volatility, never below what exercise brings.
    """
    worst = np.full(legs.spot.shape, -np.inf)
    for way in (1.0 - move, 1.0 + move):
        at = legs.spot[:, None] * way
        held = european_price(at, legs.strike, legs.years, legs.vol, rate, dividend, legs.sign)
        value = np.maximum(held, np.maximum(legs.sign * (at - legs.strike), 0.0))
        worst = np.maximum(worst, np.sum(value - legs.mid, axis=1))
    return worst


def capital_at_risk(
    legs: ShortLegs, rules: UndefinedRiskRules, rate: float, dividend: float
) -> Floats:
    """The larger of margin and stress loss, USD a share, without fees; shape [rows]."""
    margin = short_margin(
        legs.spot, legs.strike, legs.sign, rules.margin_rate, rules.margin_minimum
    )
    return np.maximum(margin, stress_loss(legs, rules.stress_move, rate, dividend))
