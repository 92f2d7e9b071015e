"""The probability of ending in the money."""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing.units import require_positive


def probability_itm(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats | float,
    dividend: Floats | float,
    sign: Floats,
) -> Floats:
    """Risk-neutral probability of expiring in the money: N(sign x d2)."""
    from scipy.special import ndtr

    require_positive(spot=spot, strike=strike, years=years, vol=vol)
    deviation = vol * np.sqrt(years)
    drift = (rate - dividend - 0.5 * vol * vol) * years
    d2 = (np.log(np.asarray(spot) / strike) + drift) / deviation
    return np.asarray(ndtr(sign * d2), dtype=np.float64)
