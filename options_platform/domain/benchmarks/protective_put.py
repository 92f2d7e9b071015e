"""PPUT: the S&P 500 with dividends, and a one-month put 5% below it.

Rules (Cboe, S&P 500 5% Put Protection Index): on the roll day the put of the month before is
settled and invested in the index, then for each unit of the index a put of the next month is
bought out of the proceeds. Its strike is the highest listed one not above 95% of the index, as the
rolls show that Cboe publishes of the sister index PPUT3M (strikes of 5120, 5320 and 5075 for 90% of
5704.44, 5947.11 and 5643.67).
"""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.benchmarks.marking import STRIKE_STEP, Costs, traded, values
from options_platform.domain.benchmarks.rolls import Instants, Period
from options_platform.domain.chain import ChainRules
from options_platform.domain.pricing import PUT

PROTECTED_FROM = 0.95


def protective_strike(spot: Floats) -> Floats:
    """The highest listed strike not above 95% of the index, index points."""
    return np.asarray(
        np.floor(PROTECTED_FROM * spot / STRIKE_STEP + 1e-9) * STRIKE_STEP, dtype=np.float64
    )


def protective_put_growth(period: Period, end: Instants, rules: ChainRules, costs: Costs) -> Floats:
    """Growth of PPUT from the open of each roll day to `end`, shape [rolls].

    From the open until the put is bought, the capital is in the index alone.
    """
    start, expiry = period.start, period.expiry
    strike, sign = protective_strike(start.spot), np.array(PUT)
    premium = traded(values(start, expiry, strike, sign, rules), start, 1.0, costs)
    until_bought = start.total / period.opened.total
    stock = start.spot * end.total / start.total
    put = values(end, expiry, strike, sign, rules).price
    return np.asarray(until_bought * (stock + put) / (start.spot + premium), dtype=np.float64)
