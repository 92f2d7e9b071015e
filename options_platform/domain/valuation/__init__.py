"""Intraday valuation of positions, from quotes and from a model, and the reliability of both.

Here belong the value and uncertainty given by quotes, the model value at the current spot, whether
quotes confirm a stop (its level is in `domain/trading/exits/exit_rules.py`), and the limit prices
of an exit order. Nothing here calls a broker. Valuation at the close is in
`domain/trading/fill_prices.py`.
"""

from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.model import modelled
from options_platform.domain.valuation.offers import Offers, offers
from options_platform.domain.valuation.quoted import Quoted, quoted
from options_platform.domain.valuation.rules import ValuationRules
from options_platform.domain.valuation.spots import is_contradicted, is_far
from options_platform.domain.valuation.stop_evidence import (
    Evidence,
    Look,
    StopVerdict,
    judge,
    verdict_of,
)

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
