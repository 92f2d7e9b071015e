"""Early assignment in a backtest: the legs that it takes, and what it costs.

The rule is that of the simulated broker, :mod:`options_platform.domain.trading.early_assignment`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from options_platform.common import Floats
from options_platform.domain.backtest.legs import Bools, Ints, Legs, PricedLegs
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.trading.early_assignment import has_no_time_value, put_mids


def assigned_legs(
    legs: Legs, trade: Ints, priced: PricedLegs, dividend: Floats, rules: BacktestRules
) -> Bools:
    """Whether each leg is assigned after the close, shape [rows, legs].

    `dividend` is that of each row, USD a share; see
    :class:`~options_platform.domain.trading.early_assignment.AssignmentRules` for the conditions.
    Options on an index of `EUROPEAN` are never assigned early.
    """
    limits = rules.assignment
    if not limits.enabled:
        return np.zeros_like(priced.alive)
    side, sign, splits = legs.side[trade], legs.sign[trade], priced.splits[:, None]
    short = priced.alive & (side < 0) & (priced.intrinsic > 0) & ~priced.underlying.european
    deep = short & has_no_time_value(
        priced.mid / splits, priced.intrinsic / splits, priced.delta, limits
    )
    tomorrow = np.append(dividend[1:], 0.0)
    tomorrow = np.where(np.append(trade[1:] == trade[:-1], False), tomorrow, 0.0)
    candidates = short & (sign > 0) & (tomorrow > 0)[:, None]
    at = np.nonzero(candidates)
    if len(at[0]):
        own = priced.splits[at[0]]
        underlying = priced.underlying.at((at[0], 0))
        traded = replace(underlying, spot=underlying.spot / own)
        puts = put_mids(traded, priced.strike[at] / own, priced.years[at], rules.chain)
        deep[at] = deep[at] | (puts < tomorrow[at[0]] / own)
    return deep


def closing_after_assignment(
    legs: Legs, trade: Ints, priced: PricedLegs, assigned: Bools, spot: Floats, dividend: Floats
) -> Floats:
    """Closing value of each leg on the session after an assignment, USD a share, [rows, legs].

    The assigned leg has become shares at its strike, which are bought back or sold at this close.
    If this session is an ex-date, whoever is short of them owes the dividend, and whoever holds
    them receives it.
    """
    # The shares came at the strike of the night before; a split keeps what they cost.
    sign, strike = legs.sign[trade], np.roll(priced.strike, 1, axis=0)
    yesterday = np.zeros_like(assigned)
    yesterday[1:] = assigned[:-1]
    shares = sign * (spot[:, None] + dividend[:, None] - strike)
    return np.where(yesterday, shares, priced.closing)
