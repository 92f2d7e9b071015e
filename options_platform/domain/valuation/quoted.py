"""Value of legs from the quotes of their contracts, and its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from options_platform.domain.trading.orders import OrderLeg, bounds_of, possible_value
from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.rules import ValuationRules


@dataclass(frozen=True)
class Quoted:
    """Value of legs from their quotes, USD a share, debit positive.

    `mid` uses the mids. `band` is the range left open by bid and ask: at the low end bought legs
    are valued at their bids and sold legs at their asks. Both are clipped to the possible values of
    the legs. `is_wide` means that the mid is not reliable.
    """

    mid: float
    band: Band
    is_wide: bool


def quoted(
    legs: Sequence[OrderLeg], sides: Sequence[tuple[float, float]], rules: ValuationRules
) -> Quoted | None:
    """Value of `legs` from (bid, ask) of each leg, USD a share.

    None if the value is impossible for these legs, which means that a quote is wrong.
    """
    quotes_by_leg = [
        (leg.signed_ratio, bid, ask) for leg, (bid, ask) in zip(legs, sides, strict=True)
    ]
    mid = sum(ratio * (bid + ask) / 2.0 for ratio, bid, ask in quotes_by_leg)
    total_width = sum(abs(ratio) * (ask - bid) for ratio, bid, ask in quotes_by_leg)
    possible_mid = possible_value(mid, legs, total_width / 2.0)
    if possible_mid is None:
        return None
    bounds = bounds_of(legs)
    band = Band(bounds.kept(mid - total_width / 2.0), bounds.kept(mid + total_width / 2.0))
    least_width = rules.wide_usd_per_leg * sum(leg.ratio for leg in legs)
    widest = max(rules.wide_share * size_usd(legs, possible_mid), least_width)
    return Quoted(possible_mid, band, total_width > widest + 1e-9)


def size_usd(legs: Sequence[OrderLeg], value: float) -> float:
    """Scale against which the width of quotes is measured, USD a share.

    For a spread it is the difference between its highest and lowest possible value. It is the
    absolute value itself if that difference is infinite, or if all legs are on the same side: the
    strike bounds the value of a put, but says little about it.
    """
    bounds = bounds_of(legs)
    width = bounds.high - bounds.low
    is_spread = len({leg.side for leg in legs}) > 1
    return width if is_spread and math.isfinite(width) else abs(value)
