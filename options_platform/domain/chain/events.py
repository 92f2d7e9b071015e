"""The variance of a United States federal election, as the tenors of the volatility index price it.

An election is known decades ahead. Options that expire after its night carry the variance of that
night and those before do not, so that total variance jumps there instead of rising evenly between
the 9- and the 30-day index. The jump is what four quoted tenors leave unexplained by forward
variance that reverts to its mean at `REVERSION` a year:

    total(T) = integral of v_inf + (v_0 - v_inf) exp(-REVERSION t) dt + jump (T after the election)

least squares in variance, the 30-day index with ten times the weight of the others. Where a tenor
is not quoted, or the election is not between them, there is no jump.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats

FIRST_YEAR, LAST_YEAR = 1990, 2100
REVERSION = 4.0
WEIGHTS = (1.0, 10.0, 1.0, 1.0)


@cache
def election_days() -> NDArray[np.datetime64]:
    """The Tuesdays after the first Monday of November in even years (2 U.S.C. 7)."""
    days = []
    for year in range(FIRST_YEAR, LAST_YEAR + 1, 2):
        first = date(year, 11, 1)
        monday = first + timedelta(days=-first.weekday() % 7)
        days.append(monday + timedelta(days=1))
    return np.array(days, dtype="datetime64[D]")


def days_to_election(session: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Calendar days from each session's close to the next election day; 0 on the day itself."""
    elections = election_days()
    at = np.minimum(np.searchsorted(elections, session), len(elections) - 1)
    return np.asarray((elections[at] - session).astype(np.int64))


@cache
def jump_weights(tenors: tuple[float, ...]) -> Floats:
    """Weights of the tenors' total variances in the jump of an election, by days to it.

    Shape [days, tenors]; zero unless the election lies after the first and before the second tenor.
    `tenors` in days; total variance is volatility squared x days.
    """
    at = np.array(tenors)
    scale = np.array(WEIGHTS) / at
    decay = (1.0 - np.exp(-REVERSION * at / 365.0)) * 365.0 / REVERSION
    rows = np.zeros((int(tenors[1]) + 1, len(tenors)))
    for days in range(int(tenors[0]) + 1, int(tenors[1])):
        design = np.stack([decay, at - decay, (at > days).astype(np.float64)], axis=1)
        rows[days] = np.linalg.pinv(design * scale[:, None])[2] * scale
    return rows


def election_jump(
    days_ahead: NDArray[np.int64], totals: list[Floats], tenors: tuple[float, ...]
) -> Floats:
    """The share of the variance between the first two tenors that is the election's, 0 to 1.

    `totals` are the total variances of the quoted index at `tenors`, NaN where one is not quoted;
    `days_ahead` as in :func:`days_to_election`. Arrays broadcast.
    """
    weights = jump_weights(tenors)[np.where(days_ahead < tenors[1], days_ahead, 0)]
    jump = sum(weights[..., n] * total for n, total in enumerate(totals))
    between = totals[1] - totals[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(jump / between, 0.0, 1.0)
    return np.where((between > 0) & np.isfinite(share), share, 0.0)
