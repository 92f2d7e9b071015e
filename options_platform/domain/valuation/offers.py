"""At which prices an exit may be offered, by how sure its value is."""

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
    """Prices of an order that closes a position, USD a share, debit positive: higher is worse.

    `first` begins its ladder, `at_once` is what meets the market now, and no rung is above `worst`.
    """

    first: float
    at_once: float
    worst: float


def offers(
    legs: Sequence[OrderLeg], by_quotes: Quoted | None, by_model: Band | None, rules: ValuationRules
) -> Offers | None:
    """What an order for `legs` may be offered at; None where nothing sure is known of them.

    Tight quotes rule: the mid, and the far side of each leg. By wide ones a price is what the model
    says, within what the quotes leave open, and never worse than the model by more than
    `model_tolerance`; so is it without sound quotes. What is bought back alone has nothing that
    bounds its loss, and the model knows yesterday's volatility: it is worth its bid at the least,
    and its ask is met where the bid is no less than half of it.
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
    """Whether what is bought back alone has a bid that is no less than half of its ask."""
    band = by_quotes.band
    return all(leg.side == "buy" for leg in legs) and 0.0 < band.high <= 2.0 * band.low
