"""Rows of `surface_fit` as a home of the settings would have measured them."""

from datetime import UTC, datetime

import polars as pl

from options_platform.contracts import SURFACE_FIT, VIX
from options_platform.domain.chain.learning import surface_hash

LONG_AGO = datetime(2000, 1, 3, tzinfo=UTC)


def measured_rows(settings, warehouse, rows, known_from=LONG_AGO):
    """`rows`, dicts of columns, with what their fits were measured on and the class's smile where
    they have none of their own."""
    index = warehouse.read(VIX, columns=["date", "ticker", "iv_symbol"]).sort("date")
    symbols = dict(index.select("ticker", "iv_symbol").iter_rows())
    chain = settings.plan.chain
    whole = [
        {
            **vars(chain.surface.smile_of(row["ticker"])),
            "n_sessions": 3, "n_months": 2, "n_quotes": 240, "n_chains": 3,
            "iv_symbol": symbols[row["ticker"]], "surface_hash": surface_hash(chain, row["ticker"]),
            "inputs_hash": "test", "known_from": known_from, **row,
        }
        for row in rows
    ]  # fmt: skip
    return pl.DataFrame(whole, schema=SURFACE_FIT.schema)
