"""Synthetic implied volatility surface: from a volatility index to the volatility of a strike.

1. Term: the 30-day index and the 9-, 93- and 182-day indices; a missing one is estimated from the
   30-day index. Total variance is linear in time between the tenors.
2. Level: an index replicates a variance swap, so it is above the at-the-money volatility:
       atm = level x index x (index / 0.20)^level_power x (T / 30 days)^level_term
3. Smile: with x = ln(K / F) / (atm sqrt(T)),
       (iv / atm)^2 = 1 + (atm / 0.18)^skew_fade (h(x) - h(0)),
       h(x) = b (rho (x - m) + sqrt((x - m)^2 + s^2)),
   the form of Gatheral's SVI. Its parameters are linear in ln T between the calibrated tenors, and
   x is clipped to `SMILE_RANGE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain import calibration
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.pricing import DAYS_A_YEAR
from options_platform.domain.pricing.units import require_positive

TERM_DAYS = (9.0, 30.0, 93.0, 182.0)
INDEX_DAYS = 30.0
LEVEL_AT, SKEW_AT = 0.20, 0.18
# Flat outside this range: otherwise far calls in a calm market would be cheaper for later expiries.
SMILE_RANGE = (-6.0, 2.5)
LARGEST_FADE = 1.4
SMALLEST_RATIO = 0.3


@dataclass(frozen=True)
class SurfaceRules:
    """Parameters of the surface; `calibration` documents the defaults.

    `term` holds a and b of ln(index of the tenor / 30-day index) = a + b ln(30-day index / 0.20)
    for 9, 93 and 182 days. `smile` holds one row per tenor: days, b, rho, m and s. `lowest_iv` is
    the floor of every volatility, an annualised fraction.
    """

    level: float = calibration.LEVEL
    level_power: float = calibration.LEVEL_POWER
    level_term: float = calibration.LEVEL_TERM
    term: tuple[tuple[float, float], ...] = calibration.TERM
    skew_fade: float = calibration.SKEW_FADE
    smile: tuple[tuple[float, ...], ...] = calibration.SMILE
    lowest_iv: float = 0.03

    @classmethod
    def flat(cls) -> SurfaceRules:
        """A surface without term structure, level or smile: every volatility is the index."""
        return cls(1.0, 0.0, 0.0, ((0.0, 0.0),) * 3, 0.0, ((30.0, 0.0, 0.0, 0.0, 1.0),), 1e-6)


def index_at(underlying: Underlying, years: Floats, rules: SurfaceRules) -> Floats:
    """The volatility index of any tenor, an annualised fraction; flat below 9 and above 182 days.

    Raises :class:`PricingError` unless years and index are positive.
    """
    index, term = underlying.index, underlying.term
    require_positive(years=years, volatility_index=index)
    log_level = np.log(index / LEVEL_AT)
    quoted = (term.days_9, term.days_93, term.days_182)
    estimated = [index * np.exp(a + b * log_level) for a, b in rules.term]
    near, far, last = (
        np.where(np.isnan(value), estimate, value)
        for value, estimate in zip(quoted, estimated, strict=True)
    )
    days = years * DAYS_A_YEAR
    nodes = [near, index, far, last]
    totals = [vol * vol * at for vol, at in zip(nodes, TERM_DAYS, strict=True)]
    total = near * near * days
    for n in range(3):
        share = (days - TERM_DAYS[n]) / (TERM_DAYS[n + 1] - TERM_DAYS[n])
        between = totals[n] + share * (totals[n + 1] - totals[n])
        total = np.where(days > TERM_DAYS[n], between, total)
    total = np.where(days > TERM_DAYS[-1], last * last * days, total)
    return np.asarray(np.sqrt(total / days), dtype=np.float64)


def atm_vol(underlying: Underlying, years: Floats, rules: SurfaceRules) -> Floats:
    """At-the-money-forward implied volatility, an annualised fraction."""
    tenor_index = index_at(underlying, years, rules)
    level = rules.level * np.power(tenor_index / LEVEL_AT, rules.level_power)
    level = level * np.power(years * DAYS_A_YEAR / INDEX_DAYS, rules.level_term)
    return np.asarray(np.maximum(tenor_index * level, rules.lowest_iv), dtype=np.float64)


def index_for_atm(atm_30d: Floats, rules: SurfaceRules) -> Floats:
    """The 30-day index that gives a 30-day at-the-money volatility of `atm_30d`.

    The inverse of `atm_vol` above its floor; both are annualised fractions.
    """
    power = 1.0 + rules.level_power
    scaled = np.asarray(atm_30d) / (rules.level * LEVEL_AT)
    return np.asarray(LEVEL_AT * np.power(scaled, 1.0 / power), dtype=np.float64)


def surface_iv(
    underlying: Underlying,
    strike: Floats,
    years: Floats,
    rules: SurfaceRules,
    *,
    carry: Floats | float,
) -> Floats:
    """Implied volatility of a strike, an annualised fraction; arrays broadcast.

    `carry` is the rate less the dividend yield, annualised and continuously compounded.
    """
    atm = atm_vol(underlying, years, rules)
    moneyness = np.log(strike / (underlying.spot * np.exp(carry * years))) / (atm * np.sqrt(years))
    fade = np.minimum(np.power(atm / SKEW_AT, rules.skew_fade), LARGEST_FADE)
    shape = smile(moneyness, years, rules.smile)
    ratio = np.sqrt(np.maximum(1.0 + fade * shape, SMALLEST_RATIO**2))
    return np.asarray(np.maximum(atm * ratio, rules.lowest_iv), dtype=np.float64)


def smile(moneyness: Floats, years: Floats, rows: Sequence[Sequence[float]]) -> Floats:
    """h(x) - h(0): the squared ratio of a strike's volatility to the at-the-money one, minus 1."""
    x = np.clip(moneyness, *SMILE_RANGE)
    at = np.log(np.array([row[0] for row in rows]))
    when = np.log(years * DAYS_A_YEAR)
    b, rho, m, s = (np.interp(when, at, [row[n] for row in rows]) for n in range(1, 5))
    away = rho * (x - m) + np.sqrt((x - m) ** 2 + s * s)
    centre = -rho * m + np.sqrt(m * m + s * s)
    return np.asarray(b * (away - centre), dtype=np.float64)
