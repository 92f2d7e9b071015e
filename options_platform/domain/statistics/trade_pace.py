"""How often a strategy trades: entries a year with their uncertainty, and the time to a number.

All functions take the number of entries of each session, oldest first. The mean has two sources of
error: entries come in clusters, as regimes do, which the block bootstrap sees; and a rare event may
by chance not have happened, which only the exact Poisson interval sees. The wider one holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.statistics.bootstrap import LEVEL, block_positions

SESSIONS_A_YEAR = 252
BLOCK_SESSIONS = 126
DRAWS = 2_000
YEAR_QUANTILES = (0.1, 0.9)


@dataclass(frozen=True)
class TradePace:
    """Entries a year: `a_year` with its 95% interval `low` to `high`.

    `entries` came in `sessions` sessions. `year_low` and `year_high` are the 10% and 90% quantiles
    of all rolling years of 252 sessions; None with less than two years.
    """

    entries: int
    sessions: int
    a_year: float
    low: float
    high: float
    year_low: float | None = None
    year_high: float | None = None


def trade_pace(entries: Floats) -> TradePace:
    """The pace of the entries. Raises :class:`ValueError` without a session."""
    count = len(entries)
    if not count:
        raise ValueError("a pace needs at least one session")
    total = int(entries.sum())
    scale = SESSIONS_A_YEAR / count
    low, high = poisson_interval(total)
    positions = block_positions(count, draws=DRAWS, block=BLOCK_SESSIONS)
    tail = (1.0 - LEVEL) / 2.0
    drawn_low, drawn_high = np.quantile(entries[positions].sum(axis=1), [tail, 1.0 - tail])
    year_low, year_high = _rolling_years(entries)
    return TradePace(
        entries=total,
        sessions=count,
        a_year=total * scale,
        low=min(low, float(drawn_low)) * scale,
        high=max(high, float(drawn_high)) * scale,
        year_low=year_low,
        year_high=year_high,
    )


def poisson_interval(count: int) -> tuple[float, float]:
    """The exact 95% interval of the mean of a Poisson variable of which `count` was seen.

    F. Garwood, Fiducial limits for the Poisson distribution, Biometrika 28 (1936).
    """
    from scipy.special import chdtri

    tail = (1.0 - LEVEL) / 2.0
    low = float(chdtri(2 * count, 1.0 - tail)) / 2.0 if count else 0.0
    return low, float(chdtri(2 * count + 2, tail)) / 2.0


@dataclass(frozen=True)
class TimeTo:
    """Years until a number of further entries: at the mean pace, and at the ends of its interval.

    `earliest` goes with the fastest pace. Infinite where the pace is 0: it may never come. The
    interval says how well the mean is known; `PastStarts` says how far single spans differ from it.
    """

    years: float
    earliest: float
    latest: float


def time_to(pace: TradePace, missing: int) -> TimeTo:
    """The years until `missing` further entries; all 0 if none is missing."""
    return TimeTo(*(_years(missing, rate) for rate in (pace.a_year, pace.high, pace.low)))


def share_of_starts(entries: Floats, missing: int, years: int) -> float | None:
    """The share of past sessions after which `missing` entries came within `years` years.

    Of the sessions that have so many years after them; None if there is none.
    """
    span = years * SESSIONS_A_YEAR
    sums = _rolling_sums(entries, span)
    return float((sums >= missing).mean()) if len(sums) else None


@dataclass(frozen=True)
class PastStarts:
    """Years from each of `starts` past sessions until a number of further entries had come.

    `low`, `median` and `high` are the quantiles `YEAR_QUANTILES` and 50%; infinite where the
    history is too short to tell. `unreached` starts had fewer entries when the history ended.
    `within_year` is the `share_of_starts` of one year.
    """

    starts: int
    unreached: int
    low: float
    median: float
    high: float
    within_year: float | None


def past_starts(entries: Floats, missing: int) -> PastStarts:
    """The years until `missing` further entries from each session on, that session included.

    A start that the history cuts off counts as waiting until then, not as one that never arrives:
    E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, JASA 53
    (1958). All quantiles are 0 if nothing is missing.
    """
    count = len(entries)
    within_year = share_of_starts(entries, missing, 1)
    if missing <= 0:
        return PastStarts(count, 0, 0.0, 0.0, 0.0, within_year)
    totals = np.cumsum(entries)
    start = np.arange(count)
    last = np.searchsorted(totals, totals - entries + missing)
    is_reached = last < count
    waited = np.where(is_reached, last - start + 1, count - start)
    low, median, high = _waiting_quantiles(
        waited, is_reached, (YEAR_QUANTILES[0], 0.5, YEAR_QUANTILES[1])
    )
    return PastStarts(count, int((~is_reached).sum()), low, median, high, within_year)


def _waiting_quantiles(
    waited: NDArray[np.int64], is_reached: NDArray[np.bool_], quantiles: Sequence[float]
) -> list[float]:
    """Kaplan-Meier quantiles in years of waits in sessions, some of which were cut off."""
    lengths, ends = np.unique(waited[is_reached], return_counts=True)
    at_risk = len(waited) - np.searchsorted(np.sort(waited), lengths)
    still_waiting = np.cumprod(1.0 - ends / at_risk)
    # The product of exact fractions may miss a quantile by a rounding error.
    passed = [still_waiting <= 1.0 - quantile + 1e-12 for quantile in quantiles]
    return [
        float(lengths[each.argmax()]) / SESSIONS_A_YEAR if each.any() else float("inf")
        for each in passed
    ]


def _years(missing: int, rate: float) -> float:
    if missing <= 0:
        return 0.0
    return missing / rate if rate > 0 else float("inf")


def _rolling_years(entries: Floats) -> tuple[float | None, float | None]:
    if len(entries) < 2 * SESSIONS_A_YEAR:
        return None, None
    low, high = np.quantile(_rolling_sums(entries, SESSIONS_A_YEAR), YEAR_QUANTILES)
    return float(low), float(high)


def _rolling_sums(entries: Floats, span: int) -> Floats:
    """The sums of all `span` consecutive sessions; empty if there are fewer."""
    if len(entries) < span:
        return np.empty(0)
    totals = np.concatenate([[0.0], np.cumsum(entries)])
    return np.asarray(totals[span:] - totals[:-span], dtype=np.float64)
