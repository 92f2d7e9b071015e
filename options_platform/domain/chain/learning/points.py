"""The quotes of a real chain that a surface is fitted to and judged on."""

from __future__ import annotations

import numpy as np
import polars as pl

WIDEST_POINTS = 2.0
COLUMNS = (
    "years", "dte", "expiry", "right", "strike", "forward", "iv", "delta", "vega", "mid",
    "bid", "ask",
)  # fmt: skip
SCHEMA = {
    **dict.fromkeys(COLUMNS, pl.Float64),
    "dte": pl.Int32,
    "expiry": pl.Date,
    "right": pl.String,
    "atm": pl.Float64,
}


def chain_points(quotes: pl.DataFrame, carry: float) -> pl.DataFrame:
    """Good out-of-the-money quotes of the expiries whose spot is from put-call parity.

    Args:
        quotes: rows of `option_chain` of one date and ticker.
        carry: rate less dividend yield that `quotes` were priced with, annualised and continuously
            compounded.

    Returns:
        `COLUMNS` and `atm`, the volatility at the forward (an annualised fraction), by expiry and
        strike. An expiry whose quotes do not surround its forward is left out.
    """
    good = quotes.filter(pl.col("quality").is_null() & (pl.col("spot_method") == "parity"))
    forward = good.with_columns(forward=pl.col("spot") * (carry * pl.col("years")).exp())
    otm = forward.filter((pl.col("right") == "call") == (pl.col("strike") >= pl.col("forward")))
    parts = [pl.DataFrame(schema=SCHEMA)]
    for _, own in otm.sort("years", "strike").group_by("expiry", maintain_order=True):
        strikes, at = own["strike"].to_numpy(), own["forward"][0]
        if strikes[0] < at < strikes[-1]:
            atm = float(np.interp(at, strikes, own["iv"].to_numpy()))
            parts.append(own.with_columns(atm=pl.lit(atm)).select(*SCHEMA).cast(SCHEMA))  # type: ignore[arg-type]
    return pl.concat(parts)


def fit_points(points: pl.DataFrame) -> pl.DataFrame:
    """Points of 2 to 60 delta and 7 to 90 days, quoted within two vol points of their mid."""
    half_width = (pl.col("ask") - pl.col("bid")) / 2 / pl.col("vega")
    return points.filter(
        pl.col("delta").abs().is_between(0.02, 0.60)
        & pl.col("dte").is_between(7, 90)
        & (half_width <= WIDEST_POINTS)
    )
