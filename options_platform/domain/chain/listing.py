"""Listed strikes of the synthetic chain, and the listed strike nearest to a delta."""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.surface import atm_vol, surface_iv
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.pricing import black_scholes

STEPS = ((25.0, 0.5), (1000.0, 1.0), (np.inf, 5.0))
RANGE_DEVIATIONS = 4.0


def strike_step(underlying: Underlying) -> Floats:
    """Distance between listed strikes, USD: 0.5 up to a spot of 25, 1 up to 1,000, 5 above."""
    limits = np.array([limit for limit, _ in STEPS[:-1]])
    steps = np.array([step for _, step in STEPS])
    return np.asarray(
        steps[np.searchsorted(limits, underlying.spot, side="left")], dtype=np.float64
    )


def snap_strike(strike: Floats, step: Floats) -> Floats:
    """The listed strike nearest to `strike`, at least one `step`; USD a share."""
    return np.asarray(np.maximum(np.round(strike / step), 1.0) * step, dtype=np.float64)


def strike_nearest_delta(
    underlying: Underlying, years: Floats, sign: Floats, delta: Floats, rules: ChainRules
) -> Floats:
    """The listed strike of the synthetic chain whose absolute delta is nearest to `delta`.

    Searches the listed strikes from one standard deviation (at least two strikes) in the money to
    four standard deviations out of the money. All arguments and the result have shape [rows].
    """
    spot, step = underlying.spot, strike_step(underlying)
    widest = atm_vol(underlying, years, rules.surface)
    reach = np.ceil(RANGE_DEVIATIONS * widest * np.sqrt(years) * spot / step)
    # At high volatility a delta of 0.45 is in the money, so search one deviation there as well.
    inside = np.maximum(np.ceil(reach / RANGE_DEVIATIONS), 2.0)
    offsets = np.arange(-int(np.max(inside, initial=2.0)), int(np.max(reach, initial=1.0)) + 1)
    # Out of the money is above the spot for calls, below it for puts.
    ladder = snap_strike(spot, step)[:, None] + (sign * step)[:, None] * offsets[None, :]
    ladder = np.maximum(ladder, step[:, None])
    columns, years, sign = underlying.column(), years[:, None], sign[:, None]
    rate, dividend = columns.term.rate_or(rules.risk_free_rate), rules.dividend_yield
    iv = surface_iv(
        columns, ladder, years, rules.surface, carry=rate - dividend, atm=widest[:, None]
    )
    deltas = black_scholes(columns.spot, ladder, years, iv, rate, dividend, sign).delta
    distance = np.abs(np.abs(deltas) - delta[:, None])
    # A row must not search beyond its own range, however far the ranges of other rows reach.
    in_range = (offsets[None, :] <= reach[:, None]) & (offsets[None, :] >= -inside[:, None])
    distance = np.where(in_range, distance, np.inf)
    at = np.argmin(distance, axis=1)
    return np.asarray(np.take_along_axis(ladder, at[:, None], axis=1)[:, 0], dtype=np.float64)
