"""Errors of a surface on the quotes of real chains, by delta, right and tenor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from options_platform.domain.chain.surface import SurfaceRules, surface_iv
from options_platform.domain.chain.term_structure import row_underlying

BANDS = {"2-10": (0.02, 0.10), "10-25": (0.10, 0.25), "25-60": (0.25, 0.60)}
"""Absolute deltas; the upper end belongs to the next band."""
TENORS = {"7-21": (7, 21), "22-35": (22, 35), "36-60": (36, 60)}
"""Calendar days to expiry, both ends included."""
CELL = ("band", "right", "tenor")


def banded(rows: pl.DataFrame, delta: str = "delta", dte: str = "dte") -> pl.DataFrame:
    """`rows` with `band` and `tenor`; null outside of all of them."""
    size, days = pl.col(delta).abs(), pl.col(dte)
    band = [
        pl.when((size >= low) & (size < high)).then(pl.lit(name))
        for name, (low, high) in BANDS.items()
    ]
    tenor = [pl.when(days.is_between(*ends)).then(pl.lit(name)) for name, ends in TENORS.items()]
    return rows.with_columns(band=pl.coalesce(*band), tenor=pl.coalesce(*tenor))


def surface_errors(points: pl.DataFrame, rules: SurfaceRules) -> pl.DataFrame:
    """`points` with `error_points`, the surface's volatility less the quoted one, vol points.

    Args:
        points: rows of `chain_points` with date, ticker and the columns of `row_term`, of which
            `iv_close` and `vix` are in index points.
        rules: the surface.
    """
    underlying = row_underlying(points, points["forward"].to_numpy())
    strike, years = points["strike"].to_numpy(), points["years"].to_numpy()
    model = surface_iv(underlying, strike, years, rules, carry=0.0)
    return points.with_columns(
        error_points=pl.Series(100.0 * (np.asarray(model) - points["iv"].to_numpy()))
    )


def cell_errors(errors: pl.DataFrame, by: Sequence[str] = ("date", "ticker")) -> pl.DataFrame:
    """Number, mean and mean absolute error of each cell of rows of :func:`surface_errors`.

    Returns:
        `by`, band, right, tenor, n, mean_error_points and mae_points, sorted.
    """
    inside = banded(errors).drop_nulls(["band", "tenor", "error_points"])
    keys = [*by, *CELL]
    error = pl.col("error_points")
    return (
        inside.group_by(keys)
        .agg(n=pl.len().cast(pl.Int32), mean_error_points=error.mean(),
             mae_points=error.abs().mean())
        .sort(keys)
    )  # fmt: skip
