"""The volatility smile of one expiry: SSVI with a put wing.

Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces" (Quantitative Finance, 2014). With
k = ln(K / F), theta the total variance at the forward (volatility squared x years) and the
curvature psi, the total variance of a strike is

    w(k) = theta G(f),   f = psi k / theta,   psi = chi sqrt(theta),
    G(f) = (1 + rho f + sqrt((f + rho)^2 + 1 - rho^2)) / 2 + wing (h(f) - h(0)),
    h(f) = sqrt((f + 2)^2 + 0.25) - (f + 2),
    chi = c (T / 30 days)^p (max(atm, 0.10) / 0.20)^-q

The first part of G is theirs. The second is ours: beyond f = -2, about the 10-delta put, it makes
the smile steeper, since SSVI alone prices 10-delta puts too high and 3-delta puts too low. Below a
volatility of 0.10 the curvature rises no further: fitted at 0.12 to 0.28, it would price SPXW's
straddles of January 2018 (0.07) 15% too low.

Prices are free of butterfly arbitrage if Durrleman's function is not negative (their section 2.2):

    g = (1 - f G'/2G)^2 - chi^2 (G'^2/4G - G''/2) - psi^2 G'^2/16 >= 0,

which limits chi and psi. They are free of calendar arbitrage if dw >= 0 at every f, which is

    G - f G' + f G' r >= 0,   r = d ln psi / d ln theta,

and limits r. Both limits are computed from rho and `wing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.pricing import DAYS_A_YEAR

CURVATURE_DAYS = 30.0
CURVATURE_AT = 0.20
CALMEST = 0.10
WING_FROM, WING_WIDTH = 2.0, 0.5
LARGEST_PSI = 1.0
STEEPEST = 50.0


@dataclass(frozen=True)
class Smile:
    """The numbers that the smiles of a ticker have in common at all tenors.

    `c` is the curvature at 30 days and a volatility of 0.20, `p` its power of time, `q` its fading
    with volatility, `rho` the skew, and `wing` the steepness added to far puts. Raises ValueError
    where they would allow arbitrage.
    """

    c: float
    p: float
    q: float
    rho: float
    wing: float = 0.0

    def __post_init__(self) -> None:
        if not (self.c >= 0 and abs(self.rho) < 1 and 0 <= self.q < 1 and 0 <= self.wing <= 1):
            raise ValueError(
                "a smile needs c >= 0, 0 <= q < 1, rho between -1 and 1, and a wing of 0 to 1"
            )
        if not (self.p + self.q / 2 >= 0 and self.p + 0.5 <= self.steepest):
            raise ValueError(
                f"a smile needs -q/2 <= p <= {self.steepest - 0.5:.2f}, or expiries would "
                "contradict each other"
            )

    @property
    def largest_chi(self) -> float:
        """The largest chi without butterfly arbitrage."""
        return _limits(self.rho, self.wing)[0]

    @property
    def steepest(self) -> float:
        """The largest d ln psi / d ln theta without calendar arbitrage."""
        return _limits(self.rho, self.wing)[1]

    @property
    def slowest(self) -> float:
        """The smallest d ln theta / d ln T without calendar arbitrage."""
        fastest_psi = (self.p + self.q / 2.0) / (self.steepest - (1.0 - self.q) / 2.0)
        # Below the calmest volatility psi grows as T^p sqrt(theta), and must not fall.
        return max(fastest_psi, -2.0 * self.p)


@dataclass(frozen=True)
class SmileRows:
    """The numbers of :class:`Smile` as arrays that broadcast against the options."""

    c: Floats
    p: Floats
    q: Floats
    rho: Floats
    wing: Floats
    largest_chi: Floats

    @classmethod
    def of(cls, *smiles: Smile) -> SmileRows:
        """Each smile a row; one smile alone has arrays of no dimension, for all rows."""
        names = cls.__dataclass_fields__
        columns = (np.array([getattr(smile, name) for smile in smiles]) for name in names)
        return cls(*(values[0] if len(smiles) == 1 else values for values in columns))

    def take(self, rows: NDArray[np.int64]) -> SmileRows:
        """The smiles at `rows`, positions of any shape."""
        return SmileRows(*(np.take(values, rows) for values in vars(self).values()))


def curvature(smile: SmileRows, years: Floats, atm: Floats) -> Floats:
    """psi of each row from `atm`, its volatility at the forward, an annualised fraction."""
    by_term = np.power(years * (DAYS_A_YEAR / CURVATURE_DAYS), smile.p)
    chi = smile.c * by_term * np.power(np.maximum(atm, CALMEST) / CURVATURE_AT, -smile.q)
    psi = np.minimum(chi, smile.largest_chi) * atm * np.sqrt(years)
    return np.asarray(np.minimum(psi, LARGEST_PSI), dtype=np.float64)


def total_variance(log_moneyness: Floats, theta: Floats, psi: Floats, smile: SmileRows) -> Floats:
    """w(k) of each row: implied volatility squared x years."""
    f = psi * log_moneyness / theta
    return np.asarray(theta * _shape(f, smile.rho, smile.wing), dtype=np.float64)


def _shape(f: Floats, rho: Floats, wing: Floats) -> Floats:
    """G(f)."""
    root = np.sqrt((f + rho) ** 2 + (1.0 - rho * rho))
    beyond = f + WING_FROM
    at_forward = math.hypot(WING_FROM, WING_WIDTH) - WING_FROM
    hinge = np.sqrt(beyond * beyond + WING_WIDTH**2) - beyond - at_forward
    return np.asarray(0.5 * (1.0 + rho * f + root) + wing * hinge)


@lru_cache(maxsize=4096)
def _limits(rho: float, wing: float) -> tuple[float, float]:
    """The largest chi and the largest d ln psi / d ln theta without arbitrage."""
    f = np.sinh(np.linspace(-9.0, 9.0, 4001))
    skew = 1.0 - rho * rho
    root = np.sqrt((f + rho) ** 2 + skew)
    hinge = np.sqrt((f + WING_FROM) ** 2 + WING_WIDTH**2)
    shape = _shape(f, np.array(rho), np.array(wing))
    slope = 0.5 * (rho + (f + rho) / root) + wing * ((f + WING_FROM) / hinge - 1.0)
    bend = 0.5 * skew / root**3 + wing * WING_WIDTH**2 / hinge**3
    if shape.min() <= 0 or (shape - f * slope).min() < 0:
        raise ValueError(f"the wing {wing:g} is too steep for a rho of {rho:g}")
    rest = (1.0 - f * slope / (2.0 * shape)) ** 2 - LARGEST_PSI**2 * slope**2 / 16.0
    by_chi = slope**2 / (4.0 * shape) - bend / 2.0
    falls = by_chi > 0
    if rest.min() < 0:
        raise ValueError(f"no curvature is free of arbitrage at rho {rho:g} and wing {wing:g}")
    largest = float(np.sqrt(np.min(rest[falls] / by_chi[falls], initial=STEEPEST**2)))
    against = f * slope < 0
    # The grid misses the minimum by a little, and a limit must be on the safe side.
    most = 1.0 + 0.999 * np.min(shape[against] / (-f * slope)[against], initial=STEEPEST)
    return largest, float(most)
