"""What planned spreads can lose, gain and cost at most: computed from their legs, of any shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain import ChainRules
from options_platform.domain.planning.leg_quotes import QuotedLegs
from options_platform.domain.pricing.payoff import (
    payoff_range,
    spots_around,
    value_at_first_expiry,
)
from options_platform.domain.risk.short_margin import (
    QuotedPositions,
    UndefinedRiskRules,
    capital_at_risk,
)
from options_platform.domain.strategies.base import Strategy

GRID_POINTS = 101


@dataclass(frozen=True)
class SpreadBounds:
    """USD a share, shape [rows], without fees.

    `loss` is the maximum loss, or the capital at risk of what can lose without bound; `profit` the
    maximum profit, infinite without a bound. A debit, or credit, of `price_limit` or more is none
    that a market gives.
    """

    loss: Floats
    profit: Floats
    price_limit: Floats


def spread_bounds(
    strategy: Strategy,
    quoted: QuotedLegs,
    spot: Floats,
    net_price: Floats,
    chain: ChainRules,
    undefined_risk: UndefinedRiskRules,
    stress_move: Floats | None = None,
) -> SpreadBounds:
    """The bounds of the spreads of one strategy, a row each.

    `stress_move`, shape [rows], takes the place of that of `undefined_risk` where it is given.
    Those of legs that expire apart are of the first expiry, where the others are worth their price
    at their own volatility.
    """
    low, high = _value_range(strategy, quoted, spot, chain)
    if strategy.defined_risk:
        loss = net_price - low
    else:
        position = QuotedPositions(
            spot,
            strategy.sides,
            strategy.signs,
            strike=quoted.each("strike"),
            mid=quoted.each("mid"),
            years=quoted.years,
            vol=quoted.each("iv"),
        )
        rates = chain.risk_free_rate, chain.dividend_yield
        loss = capital_at_risk(position, undefined_risk, *rates, stress_move)
    return SpreadBounds(loss, high - net_price, _price_limit(strategy, quoted.each("strike")))


def widest(strategy: Strategy, strikes: Floats) -> Floats:
    """The wider distance of two strikes of one right, shape [rows]; NaN where none lie apart."""
    if not strategy.winged:
        return np.full(len(strikes), np.nan)
    distances = [np.ptp(strikes[:, own], axis=1) for own in _by_right(strategy)]
    return np.asarray(np.max(distances, axis=0))


def _value_range(
    strategy: Strategy, quoted: QuotedLegs, spot: Floats, chain: ChainRules
) -> tuple[Floats, Floats]:
    strikes, vols = quoted.each("strike"), quoted.each("iv")
    low, high = payoff_range(strategy.sides, strategy.signs, strikes)
    if strategy.one_expiry:
        return low, high
    left = quoted.years - np.min(quoted.years, axis=1, keepdims=True)
    around = spots_around(spot, np.max(vols, axis=1), np.max(quoted.years, axis=1), GRID_POINTS)
    values = value_at_first_expiry(
        strategy.sides, strategy.signs, strikes[:, None], left[:, None], vols[:, None],
        np.concatenate([strikes, around], axis=1), chain.risk_free_rate, chain.dividend_yield,
    )  # fmt: skip
    return np.minimum(low, values.min(axis=1)), np.maximum(high, values.max(axis=1))


def _price_limit(strategy: Strategy, strikes: Floats) -> Floats:
    """The most that the legs of one right can be worth, or cost: of two rights the smaller one."""
    limit = np.full(len(strikes), np.inf)
    if not strategy.one_expiry:
        return limit
    for own in _by_right(strategy):
        low, high = payoff_range(strategy.sides[own], strategy.signs[own], strikes[:, own])
        most = high if strategy.kind == "debit" else -low
        limit = np.where(most > 0, np.minimum(limit, most), limit)
    return limit


def _by_right(strategy: Strategy) -> list[list[int]]:
    return [
        [at for at, leg in enumerate(strategy.legs) if leg.right == right]
        for right in strategy.rights
    ]
