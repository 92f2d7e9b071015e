"""Strike of a delta in closed form, and the probability of expiring in the money."""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing.units import require_positive
from options_platform.errors import PricingError


def strike_for_delta(
    spot: Floats,
    delta: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats | float,
    dividend: Floats | float,
    sign: Floats,
) -> Floats:
    """The strike (USD a share) of an absolute `delta`, in closed form for a flat volatility.

    Hull, section 19.4, solved for the strike. Raises :class:`PricingError` for a delta that no
    strike has: 0 or less, or exp(-dividend x years) or more.
    """
    from scipy.special import ndtri

    require_positive(spot=spot, years=years, vol=vol, delta=delta)
    scaled = delta * np.exp(dividend * years)
    if not np.all(scaled < 1.0):
        raise PricingError("no strike has an absolute delta of 1 or more; ask for less than 0.99")
    d1 = sign * ndtri(scaled)
    drift = (rate - dividend + 0.5 * vol * vol) * years
    return np.asarray(spot * np.exp(drift - d1 * vol * np.sqrt(years)), dtype=np.float64)


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
