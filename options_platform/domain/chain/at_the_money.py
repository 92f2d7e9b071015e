"""The at-the-money variance of the surface over 30 days, a row for each session and ticker."""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.domain.chain.surface import SurfaceRules, atm_vol
from options_platform.domain.chain.term_structure import TENORS, row_underlying
from options_platform.domain.pricing import DAYS_A_YEAR

DAYS = 30


def with_atm_variance(
    vix: pl.DataFrame, tenors: pl.DataFrame | None, rules: SurfaceRules
) -> pl.DataFrame:
    """What the features of the volatility premium rest on beside the bars.

    Args:
        vix: rows of the table `vix`: date, ticker, iv_close and vix, index points.
        tenors: date, and vix9d, vix3m and vix6m in index points; None where none are stored.
        rules: the surface.

    Returns:
        date, ticker, vix9d, vix3m and `atm_variance`, annualised, null without an index. Each row
        rests on its own session alone.
    """
    rows = vix.select(*KEY, "iv_close", "vix")
    if tenors is None:
        unknown = [pl.lit(None, pl.Float64).alias(name) for name in TENORS]
        rows = rows.with_columns(unknown)
    else:
        own = tenors.select("date", *TENORS)
        rows = rows.join(own, on="date", how="left", maintain_order="left")
    has_index = pl.col("iv_close").is_finite() & (pl.col("iv_close") > 0)
    quoted = rows.filter(has_index)
    variances = quoted.select(KEY).with_columns(
        atm_variance=pl.Series(_variance(quoted, rules), dtype=pl.Float64)
    )
    return rows.join(variances, on=KEY, how="left", maintain_order="left").select(
        *KEY, "vix9d", "vix3m", "atm_variance"
    )


def _variance(rows: pl.DataFrame, rules: SurfaceRules) -> Floats:
    if rows.is_empty():
        return np.empty(0)
    years = np.full(rows.height, DAYS / DAYS_A_YEAR)
    # The volatility at the forward does not depend on the spot.
    level = atm_vol(row_underlying(rows, np.full(rows.height, np.nan)), years, rules)
    return np.asarray(level * level)
