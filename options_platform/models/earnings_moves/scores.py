"""Scores of forecasts of |move|: the log score of a Laplace distribution, and the mean error.

    loss = ln(2 s) + |move| / s,  s the forecast; lower is better

Intervals draw whole quarters: reports of one season share its market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.statistics.bootstrap import DRAWS, interval_of
from options_platform.domain.statistics.paired_test import paired_test

SCORES = pl.Schema(
    {
        "forecast": pl.String,
        "n": pl.Int64,
        "score": pl.Float64,
        "gain": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "p_value": pl.Float64,
        "mae": pl.Float64,
    }
)


def losses(sizes: Floats, forecast: Floats) -> Floats:
    """The loss of each forecast, in nats."""
    return np.asarray(np.log(2.0 * forecast) + sizes / forecast)


def scores_of(
    rows: pl.DataFrame, forecasts: Mapping[str, str] | Sequence[str], naive: str
) -> pl.DataFrame:
    """A row in :data:`SCORES` for each of the forecasts, on the reports that all of them have.

    `gain` is the naive forecast's loss less its own, with the 95% interval and the one-sided
    p-value paired by quarter; null for the naive forecast itself.

    Args:
        rows: one report each, with `quarter` (any value that orders), `size` (|move|) and a column
            for each forecast.
        forecasts: their columns.
        naive: the column that the others are compared with.
    """
    names = list(forecasts)
    whole = rows.drop_nulls(["size", naive, *names]).sort("quarter")
    if whole.is_empty():
        return pl.DataFrame(schema=SCORES)
    sizes = whole["size"].to_numpy()
    base = losses(sizes, whole[naive].to_numpy())
    quarters = whole["quarter"].rank("dense").cast(pl.Int64).to_numpy() - 1
    weights = _draws(int(quarters.max()) + 1)
    made = []
    for name in names:
        forecast = whole[name].to_numpy()
        loss = losses(sizes, forecast)
        row = {
            "forecast": name,
            "n": whole.height,
            "score": float(loss.mean()),
            "mae": float(np.abs(sizes - forecast).mean()),
        }
        if name != naive:
            counts = np.bincount(quarters)
            sums = np.bincount(quarters, weights=base - loss)
            drawn = interval_of(float((base - loss).mean()), (weights @ sums) / (weights @ counts))
            means = (np.bincount(quarters, weights=part) / counts for part in (loss, base))
            row |= {
                "gain": drawn.value, "low": drawn.low, "high": drawn.high,
                "p_value": paired_test(*means).p_value,
            }  # fmt: skip
        made.append(row)
    return pl.DataFrame(made, schema=SCORES)


def _draws(quarters: int) -> Floats:
    """How often each quarter is in each draw, shape (draws, quarters)."""
    draw = np.random.default_rng(0)
    return draw.multinomial(quarters, np.full(quarters, 1.0 / quarters), size=DRAWS).astype(float)
