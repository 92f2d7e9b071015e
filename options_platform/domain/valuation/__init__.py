"""What legs are worth within a session, by quotes and by the underlying, and how surely.

Here belongs: the value that quotes give and what they leave open, the value of the model at the
present spot, what both say of a stop, and the prices that an exit may be offered at. Nothing here
asks a broker, and nothing prices a close: closes are certain, see `domain.trading.fills`.
"""

from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.model import modelled
from options_platform.domain.valuation.offers import Offers, offers
from options_platform.domain.valuation.quoted import Quoted, quoted
from options_platform.domain.valuation.rules import ValuationRules
from options_platform.domain.valuation.spots import is_contradicted, is_far
from options_platform.domain.valuation.stops import Evidence, Look, StopVerdict, judge, said_of

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
    "said_of",
]
