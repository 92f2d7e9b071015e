"""What spreads pay at their first expiry, computed from their legs whatever their shape."""

from __future__ import annotations

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing.european import european_price
from options_platform.domain.pricing.units import intrinsic_value

GRID_DEVIATIONS = 6.0


def payoff(sides: Floats, signs: Floats, strikes: Floats, spot: Floats) -> Floats:
    """Value of one spread at its expiry, USD a share, before what was paid for it.

    Args:
        sides: contracts of each leg, bought ones positive, shape [legs].
        signs: +1 call, -1 put, shape [legs].
        strikes: shape [legs].
        spot: prices of the underlying, any shape.
    """
    spot = np.asarray(spot, dtype=np.float64)[..., None]
    return np.asarray(np.sum(sides * np.maximum(signs * (spot - strikes), 0.0), axis=-1))


def payoff_range(sides: Floats, signs: Floats, strikes: Floats) -> tuple[Floats, Floats]:
    """The least and the most that spreads of one expiry pay, USD a share, each of shape [rows].

    Between the strikes a payoff is linear, so its ends lie at a strike or at a spot of zero; with
    more calls bought than sold the most is infinite, the other way round the least.

    Args:
        sides: contracts of each leg, bought ones positive, shape [legs].
        signs: +1 call, -1 put, shape [legs].
        strikes: shape [rows, legs].
    """
    knots = np.concatenate([np.zeros((len(strikes), 1)), strikes], axis=1)
    paid = np.sum(
        sides * np.maximum(signs * (knots[:, :, None] - strikes[:, None, :]), 0.0), axis=-1
    )
    calls = float(np.sum(sides[signs > 0]))
    low = np.full(len(strikes), -np.inf) if calls < 0 else np.min(paid, axis=1)
    high = np.full(len(strikes), np.inf) if calls > 0 else np.max(paid, axis=1)
    return low, high


def value_at_first_expiry(
    sides: Floats,
    signs: Floats,
    strikes: Floats,
    years_left: Floats,
    vols: Floats,
    spot: Floats,
    rate: float,
    dividend: float,
) -> Floats:
    """Value of spreads whose legs may expire apart, USD a share, in the shape of `spot`.

    Legs that live on are worth their price at `vols`, and never less than exercise brings.

    Args:
        sides: contracts of each leg, bought ones positive, shape [legs].
        signs: +1 call, -1 put, shape [legs].
        strikes: one for each leg along the last axis; the axes before it broadcast with `spot`.
        years_left: what each leg lives on after the first expiry, like `strikes`; 0 for those that
            expire with it.
        vols: implied volatilities, like `strikes`.
        spot: prices of the underlying at the first expiry.
        rate: annualised, continuously compounded.
        dividend: yield, likewise.
    """
    spot = np.asarray(spot, dtype=np.float64)
    total = np.zeros_like(spot)
    for leg, (side, sign) in enumerate(zip(sides, signs, strict=True)):
        strike, left = strikes[..., leg], years_left[..., leg]
        value = intrinsic_value(spot, strike, np.array(sign))
        lives_on = left > 0
        if np.any(lives_on):
            price = european_price(
                np.maximum(spot, 1e-9), strike, np.where(lives_on, left, 1.0), vols[..., leg],
                rate, dividend, np.array(sign),
            )  # fmt: skip
            value = np.where(lives_on, np.maximum(value, price), value)
        total = total + side * value
    return total


def spots_around(spot: Floats, vol: Floats, years: Floats, points: int) -> Floats:
    """Spots up to six deviations to either side, shape [..., points]."""
    reach = GRID_DEVIATIONS * vol * np.sqrt(years)
    steps = np.linspace(-1.0, 1.0, points)
    return np.asarray(spot[..., None] * np.exp(reach[..., None] * steps))
