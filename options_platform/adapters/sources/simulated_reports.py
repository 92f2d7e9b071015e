"""What an earnings report does to a simulated stock: the price jumps, volatility rises and falls.

Funds have no reports, so nothing here touches their series.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.earnings.anchors import BEFORE_OPEN

Places = NDArray[np.int64]
JUMP_SIGMA = (0.05, 0.08)
# Volatility is 1.25 times the usual one on the anchor, 13% more than 20 sessions before.
RAMP_SESSIONS, RAMP_BEGINS = 20, 30
HIGHEST = 1.25
RAMP = 1.13
BUSIER = 3.0
SPREAD = 0.5


def reactions(reports: pl.DataFrame, days: Sequence[date]) -> Places:
    """The place in `days` of each report's reaction, in order; those outside are left out.

    `reports` has date and timing; its dates are all sessions.
    """
    on = np.searchsorted(np.array(days), reports["date"].to_numpy().astype(object))
    late = (reports["timing"] != BEFORE_OPEN).to_numpy()
    at = on + late
    return np.asarray(at[(at > 0) & (at < len(days))], dtype=np.int64)


def jumps(count: int, at: Places, beta: float, random: np.random.Generator) -> Floats:
    """The log jump of each of `count` sessions: 0 but on reactions, where its sigma is 5 to 8%.

    A stock that moves more with the market (`beta`, 0.8 to 1.4) jumps more.
    """
    jump = np.zeros(count)
    sigma = float(np.interp(beta, (0.8, 1.4), JUMP_SIGMA))
    # Sizes of an even spread, root mean square 1: a long history shows the sigma of the stock.
    drawn = 2.0 * random.random(len(at)) - 1.0
    size = 1.0 + SPREAD * np.sqrt(3.0) * (2.0 * np.abs(drawn) - 1.0)
    jump[at] = sigma * np.sign(drawn) * size / np.sqrt(1.0 + SPREAD**2)
    return jump


def ramp(count: int, at: Places) -> Floats:
    """What multiplies implied volatility: 1 after a report, rising to 1.25 on the next anchor."""
    log_ramp = np.zeros(count)
    steps = np.arange(RAMP_BEGINS + 1)
    height = np.interp(
        steps, [0, RAMP_SESSIONS, RAMP_BEGINS], [np.log(HIGHEST), np.log(HIGHEST / RAMP), 0.0]
    )
    for reaction in at:
        before = reaction - 1 - steps
        inside = before >= 0
        log_ramp[before[inside]] = height[inside]
    return np.asarray(np.exp(log_ramp), dtype=np.float64)
