"""What a ticker's stored chains up to a session say of its surface.

A ticker's smile lies near that of its class: a ridge holds each number there, the more loosely the
more markets (calendar months) the chains cover. Every month has the same weight, but a chain counts
half as much as one that is `HALF_LIFE` sessions newer. Its level, what the volatility at the money
is times, is the mean ratio of the quoted to the modelled one, held to 1 likewise.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.chain.learning.points import fit_points
from options_platform.domain.chain.learning.smiles import (
    PRICED,
    RIDGE,
    SPREADS,
    bounded,
    smile_errors,
    smile_of,
    vector_of,
)
from options_platform.domain.chain.ssvi import Smile

HALF_LIFE = 60
"""Sessions after which a chain counts half."""
WINDOW = 180
"""Sessions that a fit looks back; an older chain would count less than an eighth."""
FEWEST_SESSIONS, FEWEST_MONTHS = 3, 2
MOST_POINTS = 80
"""Quotes of a chain that are fitted: neighbouring strikes tell the same."""
LEVEL_RIDGE = 1.0
LEVEL_DAYS = (7, 60)


@dataclass(frozen=True)
class MeasuredChain:
    """What a real chain has to say: every n-th of the quotes that a smile is fitted to, at most
    `MOST_POINTS`, and the mean of ln(quoted / modelled volatility at the money), NaN without any.
    """

    session: date
    quotes: pl.DataFrame
    log_level: float

    @classmethod
    def of(cls, session: date, points: pl.DataFrame) -> MeasuredChain:
        """The chain of `points`, rows of `chain_points` with `model_atm`: what the surface that has
        learned nothing says of `atm`, an annualised fraction."""
        quotes = fit_points(points)
        expiries = points.unique("expiry", maintain_order=True)
        near = expiries.filter(pl.col("dte").is_between(*LEVEL_DAYS))
        mean = near.select((pl.col("atm") / pl.col("model_atm")).log().mean()).item()
        every = max(-(-quotes.height // MOST_POINTS), 1)
        level = float("nan") if mean is None else float(mean)
        return cls(session, quotes.gather_every(every).select(PRICED), level)


@dataclass(frozen=True)
class TickerFit:
    """A smile and level, and the sessions, months and quotes that they rest on."""

    smile: Smile
    level: float
    sessions: int
    months: int
    quotes: int


def fit_after(chains: Sequence[MeasuredChain], session: date, prior: Smile) -> TickerFit | None:
    """The fit to a ticker's chains of the `WINDOW` sessions up to `session`.

    `prior` is the smile of its class. None with fewer than three chains with quotes to fit, or in
    fewer than two calendar months.
    """
    by_day = {chain.session: chain for chain in chains if chain.quotes.height}
    days, shares = chain_shares(list(by_day), session)
    months = len({_month(day) for day in days})
    if len(days) < FEWEST_SESSIONS or months < FEWEST_MONTHS:
        return None
    used = [by_day[day] for day in days]
    smile = _smile([chain.quotes for chain in used], shares, prior)
    level = _level(np.array([chain.log_level for chain in used]), shares)
    return TickerFit(smile, level, len(days), months, sum(chain.quotes.height for chain in used))


def chain_shares(chain_days: Sequence[date], session: date) -> tuple[list[date], Floats]:
    """Those of `chain_days` in the `WINDOW` sessions up to `session`, and the weight of each."""
    every = all_sessions()
    at = bisect_left(every, session)
    ages = {day: at - bisect_left(every, day) for day in chain_days}
    days = [day for day, age in ages.items() if 0 <= age < WINDOW]
    counts = Counter(_month(day) for day in days)
    shares = [0.5 ** (ages[day] / HALF_LIFE) / counts[_month(day)] for day in days]
    return days, np.array(shares)


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _smile(parts: Sequence[pl.DataFrame], shares: Floats, prior: Smile) -> Smile:
    from scipy.optimize import least_squares

    start = vector_of(prior)
    every = pl.concat(parts)
    heights = np.array([points.height for points in parts])
    weights = np.repeat(np.sqrt(shares / heights), heights)

    def residuals(numbers: Floats) -> Floats:
        held = np.sqrt(RIDGE) * (numbers - start) / SPREADS
        return np.concatenate([weights * smile_errors(bounded(numbers), every), held])

    solution = bounded(least_squares(residuals, start, loss="soft_l1", max_nfev=100).x)
    # Nearer to the class where the solution itself would allow arbitrage.
    for share in (1.0, 0.75, 0.5, 0.25):
        try:
            return smile_of(start + share * (solution - start))
        except ValueError:
            continue
    return prior


def _level(logs: Floats, shares: Floats) -> float:
    there = np.isfinite(logs)
    total = float(np.sum(shares[there]))
    return float(np.exp(np.sum(shares[there] * logs[there]) / (total + LEVEL_RIDGE)))
