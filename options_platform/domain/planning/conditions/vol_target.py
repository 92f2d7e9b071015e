"""Sizes by a volatility target: what it makes of the budget, and how the rule trace shows it."""

from __future__ import annotations

import polars as pl

from options_platform.domain.planning.refusals import as_text
from options_platform.domain.risk.sizing import VolTarget

FORECAST = "har_rv_21"
"""Column with the forecast variance of the next 21 sessions, annualised."""


def vol_scale(target: VolTarget) -> pl.Expr:
    """What the budget of a row is scaled by; null where no target is set.

    Without a forecast it is the least scale: what is not known takes no risk.
    """
    if target.annual is None:
        return pl.lit(None, pl.Float64)
    forecast = pl.col(FORECAST).fill_nan(None).sqrt()
    scale = (target.annual / forecast).clip(target.least, target.most)
    return scale.fill_null(target.least)


def scaled_size(target: VolTarget) -> pl.Expr:
    """The contracts of a row as text, with the scale of its budget where a target is set."""
    if target.annual is None:
        return as_text("contracts")
    forecast = pl.col(FORECAST).fill_nan(None).sqrt().round(4).cast(pl.String)
    return pl.format(
        f"{{}}, the budget x {{}}: a volatility of {target.annual:g} over a forecast of {{}}",
        as_text("contracts"),
        as_text("vol_scale"),
        forecast.fill_null("unknown"),
    )
