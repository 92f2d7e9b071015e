"""Early assignment: which short legs are exercised by their holders, and the cost of it.

Option holders know the next ex-date and dividend in advance, so this model of the market reads
them from the next session's row. The platform's own decisions never do: exits use the expected
dividend only (:mod:`options_platform.domain.trading.exits.ex_dividend`).
"""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.backtest.legs import Bools, Ints, Legs, PricedLegs
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.chain import quote
from options_platform.domain.pricing import PUT


def assigned_legs(
    legs: Legs, trade: Ints, priced: PricedLegs, dividend: Floats, rules: BacktestRules
) -> Bools:
    """Whether each leg is assigned after the close, shape [rows, legs].

    `dividend` is that of each row, USD a share; see :class:`AssignmentRules` for the conditions.
    Options on an index of `EUROPEAN` are never assigned early.
    """
    limits = rules.assignment
    if not limits.enabled:
        return np.zeros_like(priced.alive)
    side, sign, strike = legs.side[trade], legs.sign[trade], legs.strike[trade]
    short = priced.alive & (side < 0) & (priced.intrinsic > 0) & ~priced.underlying.european
    no_time_value = priced.mid <= priced.intrinsic + limits.max_extrinsic_usd + 1e-9
    deep = short & (np.abs(priced.delta) >= limits.min_delta) & no_time_value
    tomorrow = np.append(dividend[1:], 0.0)
    tomorrow = np.where(np.append(trade[1:] == trade[:-1], False), tomorrow, 0.0)
    candidates = short & (sign > 0) & (tomorrow > 0)[:, None]
    at = np.nonzero(candidates)
    if len(at[0]):
        puts = quote(
            priced.underlying.at((at[0], 0)), strike[at], priced.years[at],
            np.full(len(at[0]), PUT), rules.chain,
        )  # fmt: skip
        deep[at] = deep[at] | (puts.mid < tomorrow[at[0]])
    return deep


def closing_after_assignment(
    legs: Legs, trade: Ints, priced: PricedLegs, assigned: Bools, spot: Floats, dividend: Floats
) -> Floats:
    """Closing value of each leg on the session after an assignment, USD a share, [rows, legs].

    The assigned leg has become shares at its strike, which are bought back or sold at this close.
    An account that is short shares on the ex-date owes the dividend.
    """
    sign, strike = legs.sign[trade], legs.strike[trade]
    yesterday = np.zeros_like(assigned)
    yesterday[1:] = assigned[:-1]
    shares = sign * (spot[:, None] - strike) + np.where(sign > 0, dividend[:, None], 0.0)
    return np.where(yesterday, shares, priced.closing)
