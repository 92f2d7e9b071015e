"""Whether orders fill as often and as dearly as the backtest says, and whether that has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.statistics.bootstrap import DRAWS, LEVEL, Interval, interval_of

FEWEST_TRADES = 10
"""In each half of a record, below which a change of costs is not judged."""


@dataclass(frozen=True)
class FillDrift:
    """Fills of a record beside those of its backtest.

    `entered` are entries of the backtest on the record's own plans and `filled` those of them that
    the account has too; `fill_rate` is their ratio with Wilson's 95% interval. `cost_usd` is the
    mean cost of a contract's fills beyond the fill model with its bootstrap interval, null without
    any; `change_usd` that of the later half of the trades less that of the earlier, with the
    two-sided p-value of a permutation test, both null with too few.
    """

    entered: int
    filled: int
    fill_rate: Interval | None
    cost_usd: Interval | None
    change_usd: float | None
    p_value: float | None


def fill_drift(journal: pl.DataFrame, drift: pl.DataFrame, *, seed: int = 0) -> FillDrift:
    """From a record's `journal` and `drift` (:mod:`options_platform.domain.accounting`)."""
    of_backtest = drift.filter(pl.col("state") != "only paper")
    filled = of_backtest.filter(pl.col("state") != "only backtest").height
    priced = journal.drop_nulls("against_model_usd").sort("opened_on", "position_id")
    costs = (priced["against_model_usd"] / priced["contracts"]).to_numpy()
    change, p_value = _change(costs, seed)
    return FillDrift(
        entered=of_backtest.height,
        filled=filled,
        fill_rate=wilson(filled, of_backtest.height),
        cost_usd=_mean(costs, seed),
        change_usd=change,
        p_value=p_value,
    )


def wilson(successes: int, count: int) -> Interval | None:
    """A share with its 95% interval (Wilson 1927); None without any."""
    from scipy.special import ndtri

    if not count:
        return None
    z, share = float(ndtri(0.5 + LEVEL / 2.0)), successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def _mean(costs: Floats, seed: int) -> Interval | None:
    if not len(costs):
        return None
    picked = np.random.default_rng(seed).integers(0, len(costs), size=(DRAWS, len(costs)))
    return interval_of(float(costs.mean()), costs[picked].mean(axis=1))


def _change(costs: Floats, seed: int) -> tuple[float | None, float | None]:
    half = len(costs) // 2
    if half < FEWEST_TRADES:
        return None, None
    random = np.random.default_rng(seed)
    orders = random.permuted(np.tile(costs, (DRAWS, 1)), axis=1)
    change = float(costs[-half:].mean() - costs[:half].mean())
    drawn = orders[:, -half:].mean(axis=1) - orders[:, :half].mean(axis=1)
    return change, float((1 + (np.abs(drawn) >= abs(change) - 1e-12).sum()) / (1 + DRAWS))
