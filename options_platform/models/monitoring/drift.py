"""Drift: do the newest inputs still look like those on which the models were trained?

The usual bound of 0.25 on the population stability index is useless here: volatility has regimes,
and most inputs of an ordinary quarter exceed it (the median is above 1 on SPY, 2004 to 2020). An
input has drifted if the index of its newest quarter exceeds the record of all earlier quarters by
25%. That needs six years of history; `input_faults.py` detects broken inputs much earlier.
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
"""Fraction of inputs that may drift at once; the highest from 2002 to 2024 was 0.29, in 2004."""


def input_drift(data: Dataset) -> pl.DataFrame:
    """Difference between each input's newest quarter and its past.

    Columns input, psi (population stability index, ten bins from quantiles of the past), record
    (highest psi of any earlier quarter), ks (Kolmogorov-Smirnov distance), drifted. Inputs with
    less than six years of history have no row.
    """
    quarters = _quarters(data)
    if quarters.max(initial=0) < FEWEST_QUARTERS:
        return pl.DataFrame(schema=DRIFT_SCHEMA)
    rows = [
        _drift_of(name, data.sample.inputs[:, column], quarters)
        for column, name in enumerate(data.sample.names)
    ]
    return pl.DataFrame([row for row in rows if row is not None], schema=DRIFT_SCHEMA)


def population_stability(past: Floats, now: Floats) -> Floats:
    """Population stability index of counts per bin, over the last axis; an empty bin counts as 0.1%
    of the rows."""
    expected = np.maximum(past / past.sum(axis=-1, keepdims=True), SMALLEST_SHARE)
    actual = np.maximum(now / now.sum(axis=-1, keepdims=True), SMALLEST_SHARE)
    return np.asarray(((actual - expected) * np.log(actual / expected)).sum(axis=-1))


def ks_distance(left: Floats, right: Floats) -> float:
    """Kolmogorov-Smirnov distance: largest difference of the empirical distribution functions."""
    every = np.sort(np.concatenate([left, right]))
    shares = [
        np.searchsorted(np.sort(part), every, side="right") / len(part) for part in (left, right)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def _drift_of(name: str, values: Floats, quarters: NDArray[np.int64]) -> dict[str, object] | None:
    finite = np.isfinite(values)
    now, past = finite & (quarters == 0), finite & (quarters > 0)
    if not now.any() or len(np.unique(quarters[past])) < FEWEST_QUARTERS:
        return None
    edges = np.unique(np.quantile(values[past], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    codes = np.searchsorted(edges, values[finite], side="right")
    cells = quarters[finite] * bins + codes
    last = int(quarters.max())
    counts = np.bincount(cells, minlength=(last + 1) * bins).reshape(last + 1, bins).astype(float)
    # Quarters are numbered backwards, so earlier quarters follow later ones.
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
    """Quarter (63 sessions) of each row, 0 for the newest."""
    sessions, position = np.unique(data.dates, return_inverse=True)
    return np.asarray((len(sessions) - 1 - position) // QUARTER_SESSIONS, dtype=np.int64)
