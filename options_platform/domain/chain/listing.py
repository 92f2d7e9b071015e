"""Which strikes are listed, and which of them has the delta that is wanted."""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.surface import NO_TERM, TermStructure, atm_vol, surface_iv
from options_platform.domain.pricing import black_scholes

STEPS = ((25.0, 0.5), (1000.0, 1.0), (np.inf, 5.0))
RANGE_DEVIATIONS = 4.0


def strike_step(spot: Floats) -> Floats:
    """Distance of listed strikes at a price: 0.5 below 25 USD, 1 to 1,000, 5 above."""
    limits = np.array([limit for limit, _ in STEPS[:-1]])
    steps = np.array([step for _, step in STEPS])
    return np.asarray(steps[np.searchsorted(limits, spot, side="left")], dtype=np.float64)


def snap_strike(strike: Floats, step: Floats) -> Floats:
    """The listed strike nearest to `strike`, at least one step."""
    return np.asarray(np.maximum(np.round(strike / step), 1.0) * step, dtype=np.float64)


def strike_nearest_delta(
    spot: Floats,
    years: Floats,
    index: Floats,
    sign: Floats,
    delta: Floats,
    rules: ChainRules,
    term: TermStructure = NO_TERM,
) -> Floats:
    """The listed strike whose delta is nearest to `delta` (absolute) on the synthetic chain.

    Walks the listed strikes from one deviation (at least two strikes) inside the money to four
    deviations outside; all rows at once, shape [rows].
    """
    step = strike_step(spot)
    widest = atm_vol(years, index, rules.surface, term)
    reach = np.ceil(RANGE_DEVIATIONS * widest * np.sqrt(years) * spot / step)
    # Where volatility is high, a delta of 0.45 lies in the money: one deviation of it counts too.
    inside = np.maximum(np.ceil(reach / RANGE_DEVIATIONS), 2.0)
    offsets = np.arange(-int(np.max(inside, initial=2.0)), int(np.max(reach, initial=1.0)) + 1)
    # Out of the money lies above the spot for calls, below for puts.
    ladder = snap_strike(spot, step)[:, None] + (sign * step)[:, None] * offsets[None, :]
    ladder = np.maximum(ladder, step[:, None])
    spot, years, index, sign = spot[:, None], years[:, None], index[:, None], sign[:, None]
    columns = TermStructure(*(_column(known) for known in vars(term).values()))
    rate, dividend = columns.rate_or(rules.risk_free_rate), rules.dividend_yield
    iv = surface_iv(spot, ladder, years, index, rules.surface, carry=rate - dividend, term=columns)
    found = black_scholes(spot, ladder, years, iv, rate, dividend, sign).delta
    distance = np.abs(np.abs(found) - delta[:, None])
    # Each row looks at its own ladder alone, however long those of the other rows are.
    own = (offsets[None, :] <= reach[:, None]) & (offsets[None, :] >= -inside[:, None])
    distance = np.where(own, distance, np.inf)
    at = np.argmin(distance, axis=1)
    return np.asarray(np.take_along_axis(ladder, at[:, None], axis=1)[:, 0], dtype=np.float64)


def _column(known: Floats) -> Floats:
    return known[:, None] if known.ndim else known
