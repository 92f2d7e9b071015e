"""The variance that one stored option chain prices for a report, and the move that it implies."""

from __future__ import annotations

import math
from datetime import date, timedelta

import polars as pl

from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.earnings.event_variance import (
    FEWEST_A_SIDE,
    fitted,
    from_one_expiry,
    from_two_expiries,
)
from options_platform.domain.earnings.straddles import parity_forward, total_variance

CHAIN_COLUMNS = ("expiry", "right", "strike", "mid", "quality")
NEAR = timedelta(days=30)
"""Later expiries than this after the reaction follow no straight line through the near ones."""
Expiry = tuple[date, float, int]
"""Expiry, total variance at the money, and sessions to it."""


def event_variance(chain: pl.DataFrame, day: date, reaction: date, base: float) -> float | None:
    """The variance that the chain of `day` prices for the report which `reaction` knows first.

    By least squares over the expiries up to 30 days after the reaction where three lie on each
    side of the report, else from the nearest on each side, else from the first one after it and
    `base`, the annualised volatility of days without a report. None without such an expiry after
    the report, and where the quotes give none.

    `chain` has :data:`CHAIN_COLUMNS`; only good quotes are read.
    """
    listed = _expiries(chain.filter(pl.col("expiry") <= reaction + NEAR), day)
    before = [each for each in listed if each[0] < reaction]
    after = [each for each in listed if each[0] >= reaction]
    if not after:
        return None
    if min(len(before), len(after)) >= FEWEST_A_SIDE:
        found = fitted(
            [w for _, w, _ in listed],
            [n for _, _, n in listed],
            [expiry >= reaction for expiry, _, _ in listed],
        )[1]
    elif before:
        found = from_two_expiries(*before[-1][1:], *after[0][1:])
    else:
        found = from_one_expiry(*after[0][1:], base)
    return found if math.isfinite(found) and found > 0.0 else None


def _expiries(chain: pl.DataFrame, day: date) -> list[Expiry]:
    """By expiry the variance at the strike nearest to the parity forward, of good quotes."""
    good = chain.filter(pl.col("quality").is_null() & (pl.col("mid") > 0.0))
    calls, puts = (good.filter(pl.col("right") == right) for right in ("call", "put"))
    pairs = calls.join(puts, on=["expiry", "strike"], suffix="_put").sort("expiry", "strike")
    made: list[Expiry] = []
    for strikes in pairs.partition_by("expiry", maintain_order=True):
        expiry: date = strikes["expiry"][0]
        rows = [
            (float(strike), float(call), float(put))
            for strike, call, put in strikes.select("strike", "mid", "mid_put").iter_rows()
        ]
        forward = parity_forward(*min(rows, key=lambda row: abs(row[1] - row[2])))
        variance = total_variance(*min(rows, key=lambda row: abs(row[0] - forward)))
        count = len(sessions(day, expiry)) - 1
        if count >= 1 and math.isfinite(variance):
            made.append((expiry, variance, count))
    return made
