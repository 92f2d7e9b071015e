"""What one at-the-money straddle says: its price, the variance behind it, the move that it prices.

Rates and dividends are left out: over the few days around a report they are below a cent.
"""

from __future__ import annotations

import math

import numpy as np

from options_platform.domain.pricing import CALL, PUT, implied_vol


def parity_forward(strike: float, call_mid: float, put_mid: float) -> float:
    """The forward that call and put of one strike imply: K + C - P, USD a share."""
    return strike + call_mid - put_mid


def straddle_share(strike: float, call_mid: float, put_mid: float) -> float:
    """The price of the straddle as a fraction of the parity forward."""
    return (call_mid + put_mid) / parity_forward(strike, call_mid, put_mid)


def total_variance(strike: float, call_mid: float, put_mid: float) -> float:
    """The variance up to expiry, sigma^2 T, that the out-of-the-money option of a strike prices.

    Black's model (1976) around the parity forward. NaN where no volatility gives the price.
    """
    forward = parity_forward(strike, call_mid, put_mid)
    price, sign = (call_mid, CALL) if strike >= forward else (put_mid, PUT)
    # Over one year the volatility is the root of the total variance.
    price_, forward_, strike_, year, side = (
        np.array([value]) for value in (price, forward, strike, 1.0, sign)
    )
    return float(implied_vol(price_, forward_, strike_, year, 0.0, 0.0, side)[0] ** 2)


def implied_move(event_var: float) -> float:
    """The price of an at-the-money straddle of that variance, a fraction of the forward.

    2 (2 N(s / 2) - 1) with s the root of the variance; it is also the mean |move| that it prices.
    """
    return 2.0 * math.erf(math.sqrt(event_var) / 2.0 / math.sqrt(2.0))


def mean_size(event_sigma: float) -> float:
    """The mean |move| of a normal move with that standard deviation."""
    return event_sigma * math.sqrt(2.0 / math.pi)


def expected_move(event_sigma: float, predicted: float, *, weight: float = 0.85) -> float:
    """The |move| expected where options price the report: the geometric mean of two views.

    One is `weight` times the mean |move| that options price (they price more than comes, on 59
    reports about a sixth), the other the size `predicted` from past reports. All are fractions.
    """
    return math.sqrt(weight * mean_size(event_sigma) * predicted)
