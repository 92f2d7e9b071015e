"""A spread with its strikes: what it can pay, cost and lose, its greeks, and its chances.

With one expiry the payoff is linear between the strikes, so bounds and break-evens are exact; a
calendar's is the value on the day its first leg expires, found on a grid of spots.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing import (
    CALL,
    Greeks,
    black_scholes,
    probability_itm,
)
from options_platform.domain.pricing.payoff import spots_around, value_at_first_expiry
from options_platform.domain.risk.short_margin import short_margin

GRID_POINTS = 4001


@dataclass(frozen=True)
class SpreadLeg:
    """One leg: `side` contracts, sold ones negative; `sign` +1 call, -1 put; USD a share."""

    side: float
    sign: float
    strike: float
    years: float
    iv: float
    bid: float
    mid: float
    ask: float


@dataclass(frozen=True)
class Spread:
    """The legs of one spread at `spot`; rates annualised, continuously compounded."""

    strategy: str
    spot: float
    legs: tuple[SpreadLeg, ...]
    rate: float
    dividend: float

    @property
    def net_price(self) -> float:
        """At the mids, USD a share: debit positive, credit negative."""
        return sum(leg.side * leg.mid for leg in self.legs)

    @property
    def years(self) -> float:
        """Time to the first expiry."""
        return min(leg.years for leg in self.legs)

    @property
    def one_expiry(self) -> bool:
        """Whether all legs expire together."""
        return len({leg.years for leg in self.legs}) == 1

    def payoff(self, spot: Floats) -> Floats:
        """Value at the first expiry, USD a share, before what was paid for it."""
        left = self._each("years") - self.years
        return value_at_first_expiry(
            self._each("side"), self._each("sign"), self._each("strike"), left, self._each("iv"),
            spot, self.rate, self.dividend,
        )  # fmt: skip

    def _each(self, name: str) -> Floats:
        return np.array([getattr(leg, name) for leg in self.legs], dtype=np.float64)

    def profit(self, spot: Floats) -> Floats:
        """Profit at the first expiry, USD a share, without fees."""
        return np.asarray(self.payoff(spot) - self.net_price)

    @property
    def max_loss(self) -> float:
        """Largest loss at the first expiry, USD a share, without fees; inf without a bound."""
        if self._slope_above() < 0:
            return float("inf")
        return float(-np.min(self.profit(self._knots())))

    @property
    def max_profit(self) -> float:
        """Largest profit at the first expiry, USD a share, without fees; inf without a bound."""
        if self._slope_above() > 0:
            return float("inf")
        return float(np.max(self.profit(self._knots())))

    @property
    def break_evens(self) -> tuple[float, ...]:
        """The spots at the first expiry between profit and loss, ascending."""
        spots = self._knots()
        values = self.profit(spots)
        crossings = []
        for n in np.flatnonzero(values[:-1] * values[1:] < 0):
            share = values[n] / (values[n] - values[n + 1])
            crossings.append(float(spots[n] + share * (spots[n + 1] - spots[n])))
        # A payoff of zero right on a knot, where the sign changes across it.
        crossings += [
            float(spots[n])
            for n in range(1, len(spots) - 1)
            if values[n] == 0 and values[n - 1] * values[n + 1] < 0
        ]
        slope = self._slope_above()
        if slope * values[-1] < 0:
            crossings.append(float(spots[-1] - values[-1] / slope))
        return tuple(sorted(crossings))

    @property
    def probability_of_profit(self) -> float:
        """Risk-neutral probability of a profit at the first expiry.

        Lognormal with the mean of the legs' volatilities; the mass of each interval between
        break-evens in which the spread gains.
        """
        edges = [0.0, *self.break_evens]
        vol = float(np.mean([leg.iv for leg in self.legs]))
        at = (self.years, vol, self.rate, self.dividend, CALL)
        above = (
            [1.0]
            + [
                float(probability_itm(np.array(self.spot), np.array(edge), *at))  # type: ignore[arg-type]
                for edge in edges[1:]
            ]
        )
        total = 0.0
        for n, edge in enumerate(edges):
            last = n + 1 == len(edges)
            middle = max(2.0 * edge, 2.0 * self.spot) if last else 0.5 * (edge + edges[n + 1])
            if float(self.profit(np.array(middle))) > 0:
                total += above[n] - (0.0 if last else above[n + 1])
        return total

    @property
    def greeks(self) -> Greeks:
        """Greeks of one share of the spread, in the units of `pricing`; 0-dimensional arrays."""
        each = [
            black_scholes(
                np.array(self.spot), np.array(leg.strike), np.array(leg.years), np.array(leg.iv),
                self.rate, self.dividend, np.array(leg.sign),
            )
            for leg in self.legs
        ]  # fmt: skip
        return Greeks(
            **{
                field.name: np.asarray(
                    sum(
                        leg.side * getattr(own, field.name)
                        for leg, own in zip(self.legs, each, strict=True)
                    )
                )
                for field in fields(Greeks)
            }
        )

    def margin(self, rate: float = 0.20, minimum: float = 0.10) -> float:
        """Buying power that the spread takes, USD a share.

        The maximum loss where it has a bound. Without one the premiums of what is sold and
        :func:`short_margin`.
        """
        if self.max_loss < float("inf"):
            return max(self.max_loss, 0.0)
        sold = [leg for leg in self.legs if leg.side < 0]
        at = np.array(self.spot)
        need = short_margin(
            at, self._each("side"), self._each("strike"), self._each("sign"), rate, minimum
        )
        return float(need) + sum(-leg.side * leg.mid for leg in sold)

    def _slope_above(self) -> float:
        """How the value changes with the spot above every strike, when only calls count."""
        return sum(leg.side for leg in self.legs if leg.sign > 0)

    def _knots(self) -> Floats:
        strikes = [leg.strike for leg in self.legs]
        if self.one_expiry:
            return np.array(sorted({0.0, *strikes, 2.0 * max(strikes)}))
        vol, years = (np.array(max(getattr(leg, n) for leg in self.legs)) for n in ("iv", "years"))
        return spots_around(np.array(self.spot), vol, years, GRID_POINTS)
