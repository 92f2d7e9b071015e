"""Option symbols of the Options Clearing Corporation: root, expiry, right, strike.

SPY250117C00580000 is the SPY call of 2025-01-17 at 580: six digits of the date, C or P, and the
strike in thousandths (OCC, Options Symbology Initiative).
"""

from __future__ import annotations

import polars as pl

PATTERN = r"^([A-Z][A-Z0-9.]*?)(\d{6})([CP])(\d{8})$"
RIGHTS = {"C": "call", "P": "put"}


def parsed(symbol: pl.Expr) -> dict[str, pl.Expr]:
    """Expressions for `expiry`, `right` and `strike`; null where `symbol` is none of OCC's."""
    return {
        "expiry": symbol.str.extract(PATTERN, 2).str.to_date("%y%m%d", strict=False),
        "right": symbol.str.extract(PATTERN, 3).replace_strict(RIGHTS, default=None),
        "strike": symbol.str.extract(PATTERN, 4).cast(pl.Float64) / 1000.0,
    }


def composed(ticker: str) -> pl.Expr:
    """The symbol from the columns `expiry`, `right` and `strike`; BRK.B has the root BRKB."""
    return pl.concat_str(
        pl.lit(ticker.replace(".", "").replace("-", "")),
        pl.col("expiry").dt.strftime("%y%m%d"),
        pl.when(pl.col("right") == "call").then(pl.lit("C")).otherwise(pl.lit("P")),
        (pl.col("strike") * 1000.0).round().cast(pl.Int64).cast(pl.String).str.zfill(8),
    )
