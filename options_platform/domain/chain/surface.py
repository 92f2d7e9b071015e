"""Synthetic implied volatility surface: from a volatility index to the volatility of a strike.

1. Tenors: the 30-day index and the 9-, 93- and 182-day indices; a missing one is estimated from the
   30-day index.
2. Level: at these tenors the volatility at the money is the one whose smile, as a log contract, is
   worth the index (:mod:`level <options_platform.domain.chain.level>`). Total variance at the money
   is linear in time between the tenors, but for the night of an election
   (:mod:`events <options_platform.domain.chain.events>`), and its volatility flat before the first
   and after the last.
3. Smile: SSVI and a put wing, with the ticker's five numbers
   (:mod:`ssvi <options_platform.domain.chain.ssvi>`).

4. Reports: the variance of a stock's next report, where its volatility is modelled, is a step at
   the expiries that know it (:mod:`event_steps <options_platform.domain.chain.event_steps>`).

Total variance at the money rises from tenor to tenor at least as fast as `Smile.slowest` demands,
so that the surface is free of calendar arbitrage whatever the quoted indices are. At the end the
volatilities of all strikes may be moved alike (`iv_scale`, `iv_points`), to see what rests on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.contracts.funds import INDEX_FUNDS
from options_platform.domain.chain import calibration
from options_platform.domain.chain.event_steps import Step
from options_platform.domain.chain.events import days_to_election, election_jump
from options_platform.domain.chain.level import level_table, ratios
from options_platform.domain.chain.ssvi import Smile, SmileRows, curvature, total_variance
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.pricing import DAYS_A_YEAR
from options_platform.domain.pricing.units import require_positive

Ints = NDArray[np.int64]

TERM_DAYS = (9.0, 30.0, 93.0, 182.0)
LEVEL_AT = 0.20
# Days are years x 365, so that the election day itself may come out a little later than it is.
SAME_DAY = 1e-3


class Kind(NamedTuple):
    """What sets the surface of a ticker apart.

    `level_smile` solves the index for the volatility at the money, unless the index `is_atm`;
    `level` multiplies that volatility.
    """

    smile: Smile
    level_smile: Smile
    is_atm: bool
    level: float = 1.0


@dataclass(frozen=True)
class SurfaceRules:
    """Parameters of the surface; `calibration` documents the defaults.

    `smiles` holds a smile for each ticker with chains of its own, and for the classes `fund` (the
    tickers of `funds`) and `stock` (any other). `term` holds a and b of ln(index of the tenor /
    30-day index) = a + b ln(30-day index / 0.20) for 9, 93 and 182 days.

    The index of the tickers in `at_the_money` is a volatility at the money, not one of a log
    contract. `is_flat`: every volatility is the 30-day index. `lowest_iv` is the floor of the
    volatility at the money, an annualised fraction. With `learn`, a ticker with stored real chains
    is priced by what they taught before the session
    (:class:`LearnedSurface <options_platform.domain.chain.learned.LearnedSurface>`).

    `iv_scale` multiplies and `iv_points` (vol points) is added to the volatility of every strike
    that the surface gives, which is then at least `lowest_iv`. They are scenarios: a scale of at
    most one keeps the surface free of arbitrage, but with points below zero the total variance of a
    strike may fall from one expiry to the next, by at most the points times its volatility a year.
    """

    smiles: dict[str, Smile] = field(default_factory=lambda: dict(calibration.SMILES))
    funds: tuple[str, ...] = INDEX_FUNDS
    term: tuple[tuple[float, float], ...] = calibration.TERM
    at_the_money: tuple[str, ...] = ()
    is_flat: bool = False
    iv_points: float = 0.0
    iv_scale: float = 1.0
    lowest_iv: float = 0.03
    learn: bool = True

    def __post_init__(self) -> None:
        missing = {"fund", "stock"} - set(self.smiles)
        if missing or len(self.term) != len(TERM_DAYS) - 1:
            raise ValueError("smiles need those of fund and stock, and term three pairs of numbers")
        if not (self.iv_scale > 0 and self.lowest_iv > 0):
            raise ValueError("iv_scale and lowest_iv must be above zero")

    def points_of(self, underlying: Underlying) -> Floats | float:  # noqa: ARG002
        """Vol points that are added to the volatilities of each row."""
        return self.iv_points

    def moved(self, vol: Floats, underlying: Underlying) -> Floats:
        """Volatilities of the surface after `iv_scale` and the points of each row, annualised
        fractions."""
        shifted = vol * self.iv_scale + self.points_of(underlying) / 100.0
        # The floor lifts no volatility that the surface itself puts below it.
        return np.asarray(np.maximum(shifted, np.minimum(vol, self.lowest_iv)), dtype=np.float64)

    @classmethod
    def flat(cls) -> SurfaceRules:
        """A surface on which every volatility is the index."""
        return cls(is_flat=True, lowest_iv=1e-6)

    def without_reports(self, underlying: Underlying) -> tuple[Underlying, Step | None]:
        """`underlying` without the reports that lie ahead, and the step of each; None for none."""
        return underlying, None

    def near_reports(
        self,
        underlying: Underlying,  # noqa: ARG002
        count: int,  # noqa: ARG002
    ) -> NDArray[np.bool_]:
        """Which rows are of sessions at most `count` from a report; none is known here."""
        return np.zeros((), dtype=bool)

    def class_of(self, ticker: str) -> str:
        """The name of the ticker's smile: its own, or that of its class."""
        if ticker in self.smiles:
            return ticker
        return "fund" if ticker in self.funds else "stock"

    def smile_of(self, ticker: str) -> Smile:
        """The ticker's smile."""
        return self.smiles[self.class_of(ticker)]

    def kind_of(self, ticker: str) -> Kind:
        """The ticker's kind of surface."""
        smile = self.smile_of(ticker)
        return Kind(smile, smile, ticker in self.at_the_money)

    def kinds(self, underlying: Underlying) -> tuple[tuple[Kind, ...], Ints | None]:
        """The kinds of surface that occur, and each row's position among them; None if one does."""
        kinds = [self.kind_of(name) for name in underlying.names]
        distinct = tuple(dict.fromkeys(kinds))
        if len(distinct) == 1:
            return distinct, None
        positions = np.array([distinct.index(kind) for kind in kinds], dtype=np.int64)
        return distinct, np.take(positions, underlying.ticker)


def index_at(underlying: Underlying, years: Floats, rules: SurfaceRules) -> Floats:
    """The volatility index of any tenor, an annualised fraction; flat below 9 and above 182 days.

    Total variance is linear in time between the tenors. Raises :class:`PricingError` unless years
    and index are positive.
    """
    nodes = _tenor_indices(underlying, years, rules)
    totals = [vol * vol * days for vol, days in zip(nodes, TERM_DAYS, strict=True)]
    days = years * DAYS_A_YEAR
    return np.asarray(np.sqrt(_between(days, totals) / days), dtype=np.float64)


def atm_vol(underlying: Underlying, years: Floats, rules: SurfaceRules) -> Floats:
    """At-the-money-forward implied volatility, an annualised fraction."""
    return rules.moved(unmoved_atm_vol(underlying, years, rules), underlying)


def unmoved_atm_vol(underlying: Underlying, years: Floats, rules: SurfaceRules) -> Floats:
    """:func:`atm_vol` before `iv_scale` and `iv_points`, from which the smile is made."""
    if rules.is_flat:
        require_positive(years=years, volatility_index=underlying.index)
        atm = np.broadcast_to(underlying.index, np.broadcast(underlying.index, years).shape)
    else:
        days = years * DAYS_A_YEAR
        base, step = rules.without_reports(underlying)
        totals, growth = _node_totals(base, years, rules)
        jump = _jump(base, days, totals, growth)
        atm = np.sqrt((_between(days, totals) + jump) / days) * _levels(base, rules)
        if step is not None:
            atm = np.maximum(atm, rules.lowest_iv)
            atm = np.sqrt(atm * atm + step.at(days) / years)
    return np.asarray(np.maximum(atm, rules.lowest_iv), dtype=np.float64)


def surface_iv(
    underlying: Underlying,
    strike: Floats,
    years: Floats,
    rules: SurfaceRules,
    *,
    carry: Floats | float,
    atm: Floats | None = None,
) -> Floats:
    """Implied volatility of a strike, an annualised fraction; arrays broadcast.

    `carry` is the rate less the dividend yield, annualised and continuously compounded. `atm` is
    what :func:`unmoved_atm_vol` gives for the same rows, where the caller has it.
    """
    atm = unmoved_atm_vol(underlying, years, rules) if atm is None else atm
    if rules.is_flat:
        shape = np.broadcast(atm, strike).shape
        return np.asarray(np.broadcast_to(rules.moved(atm, underlying), shape))
    smile = _smile_rows(underlying, rules)
    log_moneyness = np.log(strike / (underlying.spot * np.exp(carry * years)))
    theta: Floats = atm * atm * years
    _, step = rules.without_reports(underlying)
    if step is None:
        total = total_variance(log_moneyness, theta, curvature(smile, years, atm), smile)
        return rules.moved(np.sqrt(total / years), underlying)
    # The smile is of the days without the report, whose variance is the same at every strike.
    event = step.at(years * DAYS_A_YEAR)
    theta = theta - event
    psi = curvature(smile, years, np.sqrt(theta / years))
    total = total_variance(log_moneyness, theta, psi, smile) + event
    return rules.moved(np.sqrt(total / years), underlying)


def _between(days: Floats, totals: list[Floats]) -> Floats:
    """Total variance at `days`: linear between the tenors, proportional to time outside."""
    total = totals[0] * (days / TERM_DAYS[0])
    for n in range(3):
        share = (days - TERM_DAYS[n]) / (TERM_DAYS[n + 1] - TERM_DAYS[n])
        linear = totals[n] + share * (totals[n + 1] - totals[n])
        total = np.where(days > TERM_DAYS[n], linear, total)
    return np.where(days > TERM_DAYS[-1], totals[-1] * (days / TERM_DAYS[-1]), total)


def _tenor_indices(underlying: Underlying, years: Floats, rules: SurfaceRules) -> list[Floats]:
    """The index of each of `TERM_DAYS`: quoted, or estimated from the 30-day index."""
    index, term = underlying.index, underlying.term
    require_positive(years=years, volatility_index=index)
    log_level = np.log(index / LEVEL_AT)
    near, far, last = (
        np.where(np.isnan(quoted), index * np.exp(a + b * log_level), quoted)
        for quoted, (a, b) in zip(
            (term.days_9, term.days_93, term.days_182), rules.term, strict=True
        )
    )
    return [near, index, far, last]


def _jump(
    underlying: Underlying, days: Floats, totals: list[Floats], growth: Floats
) -> Floats | float:
    """What an election between the first two tenors adds to the total variance at `days`."""
    ahead = days_to_election(underlying.session)
    first, second = TERM_DAYS[:2]
    if not ((ahead > first) & (ahead < second)).any():
        return 0.0
    index, term = underlying.index, underlying.term
    quoted = (term.days_9, index, term.days_93, term.days_182)
    indices = [vol * vol * at for vol, at in zip(quoted, TERM_DAYS, strict=True)]
    share = election_jump(ahead, indices, TERM_DAYS)
    # What is left to rise evenly must rise as fast as the smile demands.
    between = totals[1] - totals[0]
    most = 1.0 - growth * totals[1] * (second - first) / (first * between)
    size = np.clip(share, 0.0, np.maximum(most, 0.0)) * between
    even = np.clip((days - first) / (second - first), 0.0, 1.0)
    inside = (days > first) & (days < second)
    return np.where(inside, size * ((days > ahead + SAME_DAY) - even), 0.0)


def _node_totals(
    underlying: Underlying, years: Floats, rules: SurfaceRules
) -> tuple[list[Floats], Floats]:
    """Total variance at the money (volatility squared x days) at each of `TERM_DAYS`, and the
    least d ln total / d ln T of each row."""
    kinds, position = rules.kinds(underlying)
    slowest = np.array([kind.smile.slowest for kind in kinds])
    growth = slowest[0] if position is None else np.take(slowest, position)
    totals: list[Floats] = []
    indices = _tenor_indices(underlying, years, rules)
    for n, (days, index) in enumerate(zip(TERM_DAYS, indices, strict=True)):
        tables = [
            np.ones_like(table) if kind.is_atm else table
            for kind, table in ((kind, level_table(kind.level_smile, days)) for kind in kinds)
        ]
        atm = index * ratios(tables, position, index)
        total = atm * atm * days
        if n:
            least = 1.0 + growth * (days / TERM_DAYS[n - 1] - 1.0)
            total = np.maximum(total, totals[-1] * least)
        totals.append(total)
    return totals, np.asarray(growth)


def _levels(underlying: Underlying, rules: SurfaceRules) -> Floats | float:
    """What the volatility at the money of each row is times."""
    kinds, position = rules.kinds(underlying)
    levels = np.array([kind.level for kind in kinds])
    return float(levels[0]) if position is None else np.take(levels, position)


def _smile_rows(underlying: Underlying, rules: SurfaceRules) -> SmileRows:
    kinds, position = rules.kinds(underlying)
    rows = SmileRows.of(*(kind.smile for kind in kinds))
    return rows if position is None else rows.take(position)
