"""Between which prices a spread lies, whatever its underlying does.

A value outside of them is no market's but an error of the quotes; a price outside of them gives
money away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from options_platform.domain.pricing import CALL, PUT
from options_platform.domain.pricing.payoff import payoff_range
from options_platform.domain.trading.orders.order import SHARES, OrderLeg, multiplier_of

# A leg's mid is known to a tick, and early exercise adds what interest it earns.
TOLERANCE_USD = 0.02
WIDTH_IN_DOUBT = 0.1
Side = Literal["buy", "sell"]


@dataclass(frozen=True)
class Bounds:
    """The least and the most that legs can be worth, USD a share; infinite without a bound."""

    low: float
    high: float

    def kept(self, value: float) -> float:
        """The value within the bounds that is nearest to this one."""
        return min(max(value, self.low), self.high)


def bounds_of(legs: Sequence[OrderLeg]) -> Bounds:
    """The least and the most that `legs` can be worth: those of what they pay at their expiry.

    Between its strikes that is linear in the spot, and below them it ends at a spot of 0; above
    them it has no bound where more calls are bought than sold, or the other way round. With
    several expiries the least is that of one expiry where no sold leg outlives a bought one, since
    a contract that lives longer is worth no less, and the most where no bought leg outlives a sold
    one; else there is none. A share pays what a call at a strike of 0 does.
    """
    strikes = np.array([leg.strike for leg in legs])
    signs = np.array([PUT if leg.right == "put" else CALL for leg in legs])
    unit = multiplier_of(legs)
    ratios = np.array([leg.signed_ratio * (1 if leg.is_shares else SHARES) / unit for leg in legs])
    low, high = (float(np.round(end[0], 4)) for end in payoff_range(ratios, signs, strikes[None]))
    return Bounds(
        low=low if _outlive(legs, "buy", "sell") else -math.inf,
        high=high if _outlive(legs, "sell", "buy") else math.inf,
    )


def _outlive(legs: Sequence[OrderLeg], longer: Side, shorter: Side) -> bool:
    """Whether each leg of one side lives at least as long as each of the other."""
    return all(
        one.expiry >= other.expiry
        for one in legs
        if one.side == longer
        for other in legs
        if other.side == shorter
    )


def possible_value(value: float, legs: Sequence[OrderLeg], doubt_usd: float = 0.0) -> float | None:
    """`value` of `legs`, USD a share, within their bounds; None if it is too far outside them.

    `doubt_usd` is by how much the quotes leave the value open, half of what they are apart: at its
    maximum loss a spread is often quoted just outside of its bounds. Up to a tenth of their width
    that counts as the bound.
    """
    bounds = bounds_of(legs)
    kept = bounds.kept(value)
    width = bounds.high - bounds.low
    tolerance = max(
        TOLERANCE_USD * sum(leg.ratio for leg in legs),
        min(doubt_usd, WIDTH_IN_DOUBT * width) if math.isfinite(width) else 0.0,
    )
    return kept if abs(value - kept) <= tolerance + 1e-9 else None
