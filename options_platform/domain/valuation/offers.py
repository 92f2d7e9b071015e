"""Limit prices of an exit order, depending on how reliable its value is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.quoted import Quoted, size_usd
from options_platform.domain.valuation.rules import ValuationRules


@dataclass(frozen=True)
class Offers:
    """Limit prices of a closing order, USD a share, debit positive: a higher price is worse.

    `first` is the first rung of the ladder, `at_once` the price that should fill immediately,
    and no rung may exceed `worst`.
    """

    first: float
    at_once: float
    worst: float


def offers(
    legs: Sequence[OrderLeg], by_quotes: Quoted | None, by_model: Band | None, rules: ValuationRules
) -> Offers | None:
    """Limit prices for a closing order of `legs`; None if neither quotes nor model are reliable.

    - Tight quotes: start at the mid, fill at the far side of each leg, no worst price.
    - Wide quotes: the model value clipped to the band of the quotes, never worse than the model by
      more than `model_tolerance`.
    - No quotes: the model value, with the same tolerance.
    - Legs that are only bought back (the loss is unbounded and the model uses yesterday's
      volatility): the worst price is at least the bid, or the ask if the bid is at least half of
      it.
    """
    if by_quotes is not None and not by_quotes.is_wide:
        return Offers(by_quotes.mid, by_quotes.band.high, math.inf)
    if by_model is None:
        if by_quotes is None or not _is_market(legs, by_quotes):
            return None
        return Offers(by_quotes.band.high, by_quotes.band.high, by_quotes.band.high)
    fair = by_model.high
    worst = fair + rules.model_tolerance * size_usd(legs, fair)
    if by_quotes is None:
        return Offers(fair, worst, worst)
    if all(leg.side == "buy" for leg in legs):
        low, high = by_quotes.band.low, by_quotes.band.high
        worst = max(worst, high if _is_market(legs, by_quotes) else low)
    first = min(by_quotes.band.kept(fair), worst)
    return Offers(first, max(first, min(by_quotes.band.high, worst)), worst)


def _is_market(legs: Sequence[OrderLeg], by_quotes: Quoted) -> bool:
    """Whether all legs are bought back and the bid is at least half of the ask."""
    band = by_quotes.band
    return all(leg.side == "buy" for leg in legs) and 0.0 < band.high <= 2.0 * band.low
