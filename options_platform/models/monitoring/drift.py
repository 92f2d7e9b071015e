"""Whether today's inputs still look like those that the models were trained on.

The population stability index with its usual bound of 0.25 is of no use here: volatility comes in
regimes, so that most inputs of an ordinary quarter exceed it (the median is above 1 on SPY, 2004
to 2020). An input has drifted when its newest quarter departs further from all before it than
any earlier quarter did, by a quarter again. That needs six years; what is broken altogether is told
much sooner by `input_faults.py`.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.models.dataset import Dataset

QUARTER_SESSIONS = 63
MONTH_SESSIONS = 21
BINS = 10
SMALLEST_SHARE = 1e-3
RECORD_MARGIN = 1.25
FEWEST_QUARTERS = 24

DRIFT_SCHEMA = pl.Schema(
    {
        "input": pl.String,
        "psi": pl.Float64,
        "record": pl.Float64,
        "ks": pl.Float64,
        "drifted": pl.Boolean,
    }
)
DRIFTED_SHARE = 0.33
"""So much of the inputs may drift at once; 2002 to 2024 saw at most 0.29, in early 2004."""


def input_drift(data: Dataset) -> pl.DataFrame:
    """How far each input's newest quarter departs from the time before it.

    Columns: input, psi (population stability index, ten bins by quantiles of the past), record
    (the highest of any earlier quarter), ks (Kolmogorov-Smirnov distance), drifted.
    An input that is known for less than six years has no row.
    """
    quarters = _quarters(data)
    if quarters.max(initial=0) < FEWEST_QUARTERS:
        return pl.DataFrame(schema=DRIFT_SCHEMA)
    rows = [
        _drift_of(name, data.sample.inputs[:, number], quarters)
        for number, name in enumerate(data.sample.names)
    ]
    return pl.DataFrame([row for row in rows if row is not None], schema=DRIFT_SCHEMA)


def population_stability(past: Floats, now: Floats) -> Floats:
    """PSI of counts by bin, over the last axis; empty bins count as 0.1% of the rows."""
    expected = np.maximum(past / past.sum(axis=-1, keepdims=True), SMALLEST_SHARE)
    actual = np.maximum(now / now.sum(axis=-1, keepdims=True), SMALLEST_SHARE)
    return np.asarray(((actual - expected) * np.log(actual / expected)).sum(axis=-1))


def ks_distance(left: Floats, right: Floats) -> float:
    """Largest distance of two empirical distribution functions."""
    every = np.sort(np.concatenate([left, right]))
    shares = [
        np.searchsorted(np.sort(part), every, side="right") / len(part) for part in (left, right)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def _drift_of(name: str, values: Floats, quarters: NDArray[np.int64]) -> dict[str, object] | None:
    known = np.isfinite(values)
    now, past = known & (quarters == 0), known & (quarters > 0)
    if not now.any() or len(np.unique(quarters[past])) < FEWEST_QUARTERS:
        return None
    edges = np.unique(np.quantile(values[past], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    codes = np.searchsorted(edges, values[known], side="right")
    cells = quarters[known] * bins + codes
    last = int(quarters.max())
    counts = np.bincount(cells, minlength=(last + 1) * bins).reshape(last + 1, bins).astype(float)
    # Quarters count backwards, so that "before" is what follows.
    before = np.cumsum(counts[::-1], axis=0)[::-1] - counts
    enough = (counts.sum(axis=1) > 0) & (before.sum(axis=1) >= FEWEST_QUARTERS * MONTH_SESSIONS)
    psi = np.full(last + 1, np.nan)
    psi[enough] = population_stability(before[enough], counts[enough])
    record = float(np.nanmax(psi[1:])) if np.isfinite(psi[1:]).any() else float("inf")
    return {
        "input": name,
        "psi": float(psi[0]),
        "record": record,
        "ks": ks_distance(values[past], values[now]),
        "drifted": bool(psi[0] > RECORD_MARGIN * record),
    }


def _quarters(data: Dataset) -> NDArray[np.int64]:
    """The quarter of 63 sessions of each row, 0 the newest."""
    sessions, position = np.unique(data.dates, return_inverse=True)
    return np.asarray((len(sessions) - 1 - position) // QUARTER_SESSIONS, dtype=np.int64)
