"""Rows of `surface_fit` as a home of the settings would have measured them."""

import polars as pl

from options_platform.contracts import SURFACE_FIT


def measured_rows(settings, warehouse, rows):
    """`rows`, dicts of columns, with the class's smile where they have none of their own."""
    surface = settings.plan.chain.surface
    whole = [
        {
            **vars(surface.smile_of(row["ticker"])),
            "n_sessions": 3, "n_months": 2, "n_quotes": 240, "n_chains": 3, **row,
        }
        for row in rows
    ]  # fmt: skip
    return pl.DataFrame(whole, schema=SURFACE_FIT.schema)
