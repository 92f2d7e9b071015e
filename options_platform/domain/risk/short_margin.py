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
class QuotedPositions:
    """Positions with short options that nothing covers, of the same legs at other strikes.

    `sides` are the contracts of each leg, bought ones positive, and `sign` is +1 for calls and -1
    for puts, both of shape [legs]; `spot` has shape [rows], the others [rows, legs]. `years` is the
    time left, `vol` the implied volatility; prices USD a share.
    """

    spot: Floats
    sides: Floats
    sign: Floats
    strike: Floats
    mid: Floats
    years: Floats
    vol: Floats


def short_margin(
    spot: Floats, sides: Floats, strike: Floats, sign: Floats, rate: float, minimum: float
) -> Floats:
    """Margin of the short options without cover beside their proceeds, USD a share, [rows].

    Of each contract max(`rate` x spot - what it is out of the money, `minimum` x spot for a call, x
    strike for a put); of calls and puts the larger, since only one can end in the money. The
    proceeds of both, which the rule asks for too, are what selling them brought: FINRA Rule
    4210(f)(2)(E) and Cboe's margin manual, short straddles and strangles, 20% and 10% for equities
    and exchange-traded funds. A bought contract covers a sold one of its right; of those sold, the
    dearest lack one. Legs along the last axis of `strike`, the only one of `sides` and `sign`.
    """
    under = spot[..., None]
    outside = np.maximum(sign * (strike - under), 0.0)
    base = np.where(sign > 0, under, strike)
    each = np.maximum(rate * under - outside, minimum * base)
    need = np.zeros_like(spot)
    for right in np.unique(sign):
        of_right = sign == right
        uncovered = max(-float(np.sum(sides[of_right])), 0.0)
        if uncovered:
            need = np.maximum(need, uncovered * np.max(each[..., of_right & (sides < 0)], axis=-1))
    return np.asarray(need)


def stress_loss(
    legs: QuotedPositions, move: float | Floats, rate: float, dividend: float
) -> Floats:
    """What the position loses at most if the spot moves by `move` up or down at once, [rows].

    `move` is one for all, or one a row.
    Legs are repriced at their current implied volatilities, at least at their intrinsic values.
    """
    worst = np.full(legs.spot.shape, -np.inf)
    for way in (1.0 - move, 1.0 + move):
        at = (legs.spot * way)[:, None]
        held = european_price(at, legs.strike, legs.years, legs.vol, rate, dividend, legs.sign)
        value = np.maximum(held, np.maximum(legs.sign * (at - legs.strike), 0.0))
        worst = np.maximum(worst, np.sum(-legs.sides * (value - legs.mid), axis=1))
    return worst


def capital_at_risk(
    legs: QuotedPositions,
    rules: UndefinedRiskRules,
    rate: float,
    dividend: float,
    stress_move: Floats | None = None,
) -> Floats:
    """The larger of margin and stress loss, USD a share, without fees; shape [rows].

    `stress_move` takes the place of the rules' where it is given. What the position costs, where it
    is a debit, is at risk beside the margin.
    """
    margin = short_margin(
        legs.spot, legs.sides, legs.strike, legs.sign, rules.margin_rate, rules.margin_minimum
    )
    debit = np.maximum(np.sum(legs.sides * legs.mid, axis=1), 0.0)
    move = rules.stress_move if stress_move is None else stress_move
    stress = stress_loss(legs, move, rate, dividend)
    return np.asarray(np.maximum(margin + debit, stress))
