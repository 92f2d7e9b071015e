"""The variance that options price for a report alone, from expiries on both sides of it.

Total variance at the money grows evenly by session, but for a step at the reaction:

    w(n) = b n / 252 + v 1{expiry on or after the reaction}

with n the sessions to the expiry, b the variance a year without the report, v the event variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing.units import DAYS_A_YEAR

SESSIONS_A_YEAR = 252.0
FEWEST_A_SIDE = 3
MONTH_YEARS = 30.0 / DAYS_A_YEAR


def from_two_expiries(w1: float, n1: int, w2: float, n2: int) -> float:
    """v from the last expiry before the report (w1, n1) and the first after it: w2 - w1 n2 / n1.

    It may be negative where the quotes say so. `w1` and `w2` are total variances, `n1` and `n2`
    the sessions to each expiry, at least one.
    """
    return w2 - w1 * n2 / n1


def from_one_expiry(w2: float, n2: int, base: float) -> float:
    """v where no expiry lies before the report: w2 less `base`, annualised, on all days but one."""
    return w2 - base * base * (n2 - 1) / SESSIONS_A_YEAR


def fitted(w: Sequence[float], n: Sequence[int], after: Sequence[bool]) -> tuple[float, float]:
    """(b, v) by least squares with weights 1 / w, from at least three expiries a side.

    `after` is whether an expiry knows the report. (NaN, NaN) with fewer on a side.
    """
    is_after = np.asarray(after, dtype=bool)
    if min(is_after.sum(), (~is_after).sum()) < FEWEST_A_SIDE:
        return math.nan, math.nan
    total: Floats = np.asarray(w, dtype=np.float64)
    columns = np.column_stack([np.asarray(n) / SESSIONS_A_YEAR, is_after.astype(np.float64)])
    root = 1.0 / np.sqrt(total)
    found, *_ = np.linalg.lstsq(columns * root[:, None], total * root, rcond=None)
    return float(found[0]), float(found[1])


def forward_vol(w1: float, n1: int, w2: float, n2: int) -> float:
    """The annualised volatility between two expiries; NaN where variance would be negative."""
    between = (w2 - w1) / (n2 - n1) * SESSIONS_A_YEAR
    return math.sqrt(between) if between >= 0.0 else math.nan


def event_share(event_var: float, iv_30d: float) -> float:
    """The report's share of the variance of the next 30 days; `iv_30d` is an annual fraction."""
    return event_var / (iv_30d * iv_30d * MONTH_YEARS)


def vol_without(iv_30d: float, event_var: float) -> float:
    """The 30-day volatility of the 29 days without the report, an annual fraction; at least 0."""
    rest = iv_30d * iv_30d * 30.0 - event_var * DAYS_A_YEAR
    return math.sqrt(max(rest, 0.0) / 29.0)
