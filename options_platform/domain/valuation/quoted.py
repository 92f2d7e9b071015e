"""What legs are worth by the quotes of their contracts, and what these leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from options_platform.domain.trading.orders import OrderLeg, bounds_of, possible_value
from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.rules import ValuationRules


@dataclass(frozen=True)
class Quoted:
    """The value of legs by their quotes, USD a share, debit positive.

    `mid` is that of the mids, `band` what the quotes leave open: at its low end bought legs are
    worth their bid and sold ones their ask. Both lie within what the legs can be worth. `is_wide`
    says that the mid is no evidence of the value.
    """

    mid: float
    band: Band
    is_wide: bool


def quoted(
    legs: Sequence[OrderLeg], sides: Sequence[tuple[float, float]], rules: ValuationRules
) -> Quoted | None:
    """The value of `legs` by bid and ask of each, USD a share.

    None if no market makes them worth that: a quote is wrong then.
    """
    each = [(leg.signed_ratio, bid, ask) for leg, (bid, ask) in zip(legs, sides, strict=True)]
    mid = sum(ratio * (bid + ask) / 2.0 for ratio, bid, ask in each)
    open_usd = sum(abs(ratio) * (ask - bid) for ratio, bid, ask in each)
    possible = possible_value(mid, legs, open_usd / 2.0)
    if possible is None:
        return None
    bounds = bounds_of(legs)
    band = Band(bounds.kept(mid - open_usd / 2.0), bounds.kept(mid + open_usd / 2.0))
    few = rules.wide_usd_per_leg * sum(leg.ratio for leg in legs)
    widest = max(rules.wide_share * size_usd(legs, possible), few)
    return Quoted(possible, band, open_usd > widest + 1e-9)


def size_usd(legs: Sequence[OrderLeg], value: float) -> float:
    """What doubt about a value is measured by, USD a share.

    The width between the least and the most that the legs of a spread can be worth; the value
    itself where there is no such width, and where all legs are bought or all sold: that a put is
    worth no more than its strike says nothing of its value.
    """
    bounds = bounds_of(legs)
    width = bounds.high - bounds.low
    is_spread = len({leg.side for leg in legs}) > 1
    return width if is_spread and math.isfinite(width) else abs(value)
