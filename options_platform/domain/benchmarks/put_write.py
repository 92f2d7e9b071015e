"""PUT: one-month at-the-money puts on the S&P 500, sold against Treasury bills.

Rules (Cboe, methodology of the S&P 500 PutWrite Index, July 2014): on the roll day the puts of the
month before are settled, and puts of the next month are sold, with the highest listed strike not
above the index. Their number N is such that the bills cover N times the strike at expiry. The
three-month bills that are held from quarter to quarter are reckoned at the same yield.
"""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.benchmarks.marking import STRIKE_STEP, Costs, traded, values
from options_platform.domain.benchmarks.rolls import Instants, Period
from options_platform.domain.chain import ChainRules
from options_platform.domain.pricing import PUT


def put_strike(spot: Floats) -> Floats:
    """The highest listed strike not above the index, index points."""
    return np.asarray(np.floor(spot / STRIKE_STEP) * STRIKE_STEP, dtype=np.float64)


def put_premiums(period: Period, rules: ChainRules) -> Floats:
    """Premiums of the puts sold on each roll day, as a fraction of the index; shape [rolls]."""
    start, strike = period.start, put_strike(period.start.spot)
    price = values(start, period.expiry, strike, np.array(PUT), rules).price
    return np.asarray(price / start.spot, dtype=np.float64)


def puts_sold(capital: Floats, strike: Floats, premium: Floats, bill: Floats) -> Floats:
    """Number of puts whose strikes the bills cover at expiry: capital / (strike x bill - premium).

    `bill` is the price of one dollar at expiry; the others are in index points.
    """
    return np.asarray(capital / (strike * bill - premium), dtype=np.float64)


def put_write_growth(period: Period, end: Instants, rules: ChainRules, costs: Costs) -> Floats:
    """Growth of PUT from the open of each roll day to `end`, shape [rolls]."""
    start, expiry = period.start, period.expiry
    strike, sign = put_strike(start.spot), np.array(PUT)
    rate = start.term.rate_or(rules.risk_free_rate)
    bill = np.exp(-rate * start.years_to_open(expiry))
    premium = traded(values(start, expiry, strike, sign, rules), start, -1.0, costs)
    number = puts_sold(np.ones(len(strike)), strike, premium, bill)
    bill_then = np.exp(-rate * end.years_to_open(expiry))
    owed = values(end, expiry, strike, sign, rules).price
    return np.asarray(number * (strike * bill_then - owed), dtype=np.float64)
