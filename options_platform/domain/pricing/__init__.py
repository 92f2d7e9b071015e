"""Option pricing: European in closed form, American by approximation and by lattice.

Units throughout: prices in USD a share; volatility and rates as annualised fractions (rates
continuously compounded); time in years of 365 days; theta and charm per calendar day; vega, vanna
and vomma per vol point (0.01); rho per percentage point of the rate. `sign` is +1 for calls and -1
for puts. A time or volatility of zero is refused: at expiry use `intrinsic_value`.

Formulas belong here; quotes and chains do not (`domain/chain/`).
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
