"""Intraday valuation of positions, from quotes and from a model, and the reliability of both.

Here belong the value and uncertainty given by quotes, the model value at the current spot, the
decision whether a stop is hit, and the limit prices of an exit order. Nothing here calls a broker.
Valuation at the close is in `domain.trading.fills`.
"""

from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.model import modelled
from options_platform.domain.valuation.offers import Offers, offers
from options_platform.domain.valuation.quoted import Quoted, quoted
from options_platform.domain.valuation.rules import ValuationRules
from options_platform.domain.valuation.spots import is_contradicted, is_far
from options_platform.domain.valuation.stops import Evidence, Look, StopVerdict, judge, verdict_of

__all__ = [
    "Band",
    "Evidence",
    "Look",
    "Offers",
    "Quoted",
    "StopVerdict",
    "ValuationRules",
    "is_contradicted",
    "is_far",
    "judge",
    "modelled",
    "offers",
    "quoted",
    "verdict_of",
]
