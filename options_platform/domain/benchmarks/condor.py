"""CNDR: one-month iron condors on the S&P 500, sold against Treasury bills.

Rules (Cboe, S&P 500 Iron Condor Index): on the roll day the put of delta -0.20 and the call of
delta 0.20 are sold and those of delta -0.05 and 0.05 are bought, all of the next month. One-month
bills cover ten times the largest loss at settlement, which is the wider of the two wings.
"""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.benchmarks.marking import STRIKE_STEP, Costs, Values, traded, values
from options_platform.domain.benchmarks.rolls import Dates, Instants, Period
from options_platform.domain.chain import ChainRules
from options_platform.domain.pricing import CALL, PUT

SHORT_DELTA, LONG_DELTA = 0.20, 0.05
CONDOR_COVER = 10.0
LOWEST_STRIKE, HIGHEST_STRIKE = 0.4, 1.6
"""Strikes that are searched, as shares of the index."""
LEGS = ((PUT, SHORT_DELTA, -1.0), (PUT, LONG_DELTA, 1.0),
        (CALL, SHORT_DELTA, -1.0), (CALL, LONG_DELTA, 1.0))  # fmt: skip
"""Sign of the option, absolute delta, and +1 if it is bought."""


def condors_sold(capital: Floats, wing: Floats, credit: Floats, bill: Floats) -> Floats:
    """Number of condors whose tenfold wing the bills cover at expiry.

    capital / (10 x wing x bill - credit); `bill` is the price of one dollar at expiry, the others
    are in index points.
    """
    return np.asarray(capital / (CONDOR_COVER * wing * bill - credit), dtype=np.float64)


def condor_growth(period: Period, end: Instants, rules: ChainRules, costs: Costs) -> Floats:
    """Growth of CNDR from the open of each roll day to `end`, shape [rolls]."""
    start, expiry = period.start, period.expiry
    strikes = condor_strikes(start, expiry, rules)
    sign = np.array([leg[0] for leg in LEGS], dtype=np.float64)
    side = np.array([leg[2] for leg in LEGS], dtype=np.float64)
    sold = values(start, expiry, strikes, sign, rules)
    paid = np.stack([traded(_leg(sold, n), start, side[n], costs) for n in range(len(LEGS))], 1)
    credit = -(paid @ side)
    wing = np.maximum(strikes[:, 0] - strikes[:, 1], strikes[:, 3] - strikes[:, 2])
    rate = start.term.rate_or(rules.risk_free_rate)
    bill = np.exp(-rate * start.years_to_open(expiry))
    number = condors_sold(np.ones(len(wing)), wing, credit, bill)
    bill_then = np.exp(-rate * end.years_to_open(expiry))
    worth = values(end, expiry, strikes, sign, rules).price @ side
    return np.asarray(number * (CONDOR_COVER * wing * bill_then + worth), dtype=np.float64)


def condor_strikes(start: Instants, expiry: Dates, rules: ChainRules) -> Floats:
    """Listed strikes whose deltas are nearest to those of `LEGS`, shape [rolls, 4]."""
    lowest = np.floor(LOWEST_STRIKE * start.spot / STRIKE_STEP)
    count = int(np.max((HIGHEST_STRIKE - LOWEST_STRIKE) * start.spot) / STRIKE_STEP) + 2
    steps = lowest[:, None] + np.arange(count)[None, :]
    grid = np.asarray(STRIKE_STEP * steps, dtype=np.float64)
    chosen = []
    for sign, delta, _ in LEGS:
        deltas = values(start, expiry, grid, np.array(sign), rules).delta
        at = np.argmin(np.abs(np.abs(deltas) - delta), axis=1)
        chosen.append(grid[np.arange(len(grid)), at])
    return np.stack(chosen, axis=1)


def _leg(quoted: Values, leg: int) -> Values:
    return Values(quoted.price[:, leg], quoted.delta[:, leg], quoted.vega[:, leg])
