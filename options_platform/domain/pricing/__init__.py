"""Prices of options: European in closed form, American by approximation and by lattice.

Units everywhere: prices per share in USD, volatility and rates annualised fractions (rates
continuously compounded), time in years of 365 days, theta and charm per calendar day, vega, vanna
and vomma per vol point (0.01), rho per percentage point of the rate. Calls have `sign` +1, puts
-1. Time and volatility of zero are refused: at expiry an option is worth its `intrinsic_value`.
"""

from options_platform.domain.pricing.american import american_price
from options_platform.domain.pricing.european import Greeks, black_scholes, european_price
from options_platform.domain.pricing.implied_vol import implied_vol
from options_platform.domain.pricing.lattice import lattice_price
from options_platform.domain.pricing.strikes import probability_itm
from options_platform.domain.pricing.units import CALL, DAYS_A_YEAR, PUT, intrinsic_value

__all__ = [
    "CALL",
    "DAYS_A_YEAR",
    "PUT",
    "Greeks",
    "american_price",
    "black_scholes",
    "european_price",
    "implied_vol",
    "intrinsic_value",
    "lattice_price",
    "probability_itm",
]
