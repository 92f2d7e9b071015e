"""Whether today's inputs still look like those that the models were trained on.

The population stability index with its usual bound of 0.25 is of no use here: volatility comes in
regimes, so that most inputs of an ordinary quarter exceed it (the median is above 1 on SPY, 2004
to 2020). An input has drifted when its newest quarter departs further from all before it than
any earlier quarter did, by a quarter again; and it is out of scale when it lies beyond twice all
that was ever seen, as after a change of units.

That needs six years. What needs one only: an input that was known in each of the last twelve months
and is unknown in the whole newest one, or that does not move in it, and always did, is dead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.models.dataset import Dataset, Floats

QUARTER_SESSIONS = 63
MONTH_SESSIONS = 21
BINS = 10
SMALLEST_SHARE = 1e-3
RECORD_MARGIN = 1.25
SCALE_FACTOR = 2.0
FEWEST_QUARTERS = 24
MONTHS_BEFORE = 12

DRIFT_SCHEMA = pl.Schema(
    {
        "input": pl.String,
        "psi": pl.Float64,
        "record": pl.Float64,
        "ks": pl.Float64,
        "drifted": pl.Boolean,
        "out_of_scale": pl.Boolean,
    }
)
DRIFTED_SHARE = 0.33
"""So much of the inputs may drift at once; 2002 to 2024 saw at most 0.29, in early 2004."""


@dataclass(frozen=True)
class Quarters:
    """Rows numbered by quarters of 63 sessions, 0 the newest; and the newest month's rows."""

    number: NDArray[np.int64]
    newest_month: NDArray[np.bool_]


def input_drift(data: Dataset) -> pl.DataFrame:
    """How far each input's newest quarter departs from the time before it.

    Columns: input, psi (population stability index, ten bins by quantiles of the past), record
    (the highest of any earlier quarter), ks (Kolmogorov-Smirnov distance), drifted, out_of_scale.
    An input that is known for less than six years has no row.
    """
    quarters = _quarters(data)
    if quarters.number.max(initial=0) < FEWEST_QUARTERS:
        return pl.DataFrame(schema=DRIFT_SCHEMA)
    rows = [
        _drift_of(name, data.sample.inputs[:, number], quarters)
        for number, name in enumerate(data.sample.names)
    ]
    return pl.DataFrame([row for row in rows if row is not None], schema=DRIFT_SCHEMA)


def dead_inputs(data: Dataset) -> list[str]:
    """Inputs of a ticker that went unknown or stand still, `NAME of TICKER unknown` or `frozen`.

    Months are blocks of 21 sessions counted from the newest; a ticker with less than thirteen has
    no verdict. An input that ever stood still for a month, as a category does, is never frozen.
    """
    tickers = data.keys["ticker"].to_numpy()
    found = []
    for ticker in np.unique(tickers):
        inputs = data.sample.inputs[tickers == ticker][::-1]
        months = len(inputs) // MONTH_SESSIONS
        if months <= MONTHS_BEFORE:
            continue
        blocks = inputs[: months * MONTH_SESSIONS].reshape(months, MONTH_SESSIONS, -1)
        known = np.isfinite(blocks)
        high = np.where(known, blocks, -np.inf).max(axis=1)
        low = np.where(known, blocks, np.inf).min(axis=1)
        any_known, moves = known.any(axis=1), high > low
        was_known = any_known[1 : MONTHS_BEFORE + 1].all(axis=0)
        always_moved = (moves | ~any_known)[1:].all(axis=0) & was_known
        for name, gone, frozen in zip(
            data.sample.names,
            was_known & ~any_known[0],
            always_moved & any_known[0] & ~moves[0],
            strict=True,
        ):
            if gone or frozen:
                found.append(f"{name} of {ticker} {'unknown' if gone else 'frozen'}")
    return found


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


def _drift_of(name: str, values: Floats, quarters: Quarters) -> dict[str, object] | None:
    known = np.isfinite(values)
    now, past = known & (quarters.number == 0), known & (quarters.number > 0)
    if not now.any() or len(np.unique(quarters.number[past])) < FEWEST_QUARTERS:
        return None
    edges = np.unique(np.quantile(values[past], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    codes = np.searchsorted(edges, values[known], side="right")
    cells = quarters.number[known] * bins + codes
    last = int(quarters.number.max())
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
        "out_of_scale": _out_of_scale(values[past], values[known & quarters.newest_month]),
    }


def _out_of_scale(past: Floats, newest: Floats) -> bool:
    if not len(newest):
        return False
    middle = float(np.median(newest))
    if past.min() > 0.0:
        low, high = float(past.min()), float(past.max())
        return middle < low / SCALE_FACTOR or middle > high * SCALE_FACTOR
    return abs(middle) > SCALE_FACTOR * float(np.abs(past).max())


def _quarters(data: Dataset) -> Quarters:
    sessions, position = np.unique(data.dates, return_inverse=True)
    age = len(sessions) - 1 - position
    return Quarters((age // QUARTER_SESSIONS).astype(np.int64), age < MONTH_SESSIONS)
