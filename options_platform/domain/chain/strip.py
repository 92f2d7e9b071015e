"""A volatility index from the quotes of a chain, by Cboe's published method.

Cboe, "Volatility Index Methodology: Cboe Volatility Index" (the VIX white paper). Each expiry:

1. The forward F comes from put-call parity at the strike where call and put mids are closest; K0 is
   the highest strike at or below F.
2. Puts below K0 and calls above it count, outwards until two consecutive strikes have no bid;
   a strike without a bid never counts. At K0 the mids of call and put are averaged.
3. variance = 2/T sum(dK / K^2 exp(RT) mid) - (F/K0 - 1)^2 / T, dK half the distance between the
   neighbouring strikes, at the ends the distance to the next.

Total variance is linear in time between the two expiries around the tenor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.pricing import DAYS_A_YEAR

FEWEST_STRIKES = 8
FURTHEST_BELOW_DAYS = 2.0


def expiry_variances(quotes: pl.DataFrame, rate: float) -> pl.DataFrame:
    """The variance of each expiry of one chain.

    Args:
        quotes: standard contracts of one chain, those without a bid included: expiry, years (to the
            expiry), right, strike, bid and ask in USD a share.
        rate: risk-free rate, annualised, continuously compounded.

    Returns:
        years, variance (annualised, a squared fraction) and strikes (number that count), by years.
        An expiry with fewer than `FEWEST_STRIKES` strikes that count is left out.
    """
    calls, puts = (
        quotes.filter((pl.col("right") == right) & (pl.col("ask") > 0) & (pl.col("years") > 0))
        .with_columns(pl.col("bid").fill_null(0.0))
        .unique(["expiry", "strike"], keep="first", maintain_order=True)
        for right in ("call", "put")
    )
    pairs = calls.join(puts, on=["expiry", "strike"], suffix="_put").sort("years", "strike")
    rows = []
    for _, own in pairs.group_by("expiry", maintain_order=True):
        columns = ("strike", "bid", "ask", "bid_put", "ask_put")
        strike, bid, ask, bid_put, ask_put = (own[name].to_numpy() for name in columns)
        years = float(own["years"][0])
        variance, strikes = strip_variance(strike, bid, ask, bid_put, ask_put, years, rate)
        if strikes >= FEWEST_STRIKES and variance > 0:
            rows.append((years, variance, strikes))
    schema = {"years": pl.Float64, "variance": pl.Float64, "strikes": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("years")


def strip_variance(
    strike: Floats, call_bid: Floats, call_ask: Floats, put_bid: Floats, put_ask: Floats,
    years: float, rate: float,
) -> tuple[float, int]:  # fmt: skip
    """The variance of one expiry (annualised) and the number of strikes that count.

    Arrays have shape [strikes], ascending; prices in USD a share, 0 for no bid. Returns
    (nan, 0) if no strike is at or below the forward.
    """
    call, put = 0.5 * (call_bid + call_ask), 0.5 * (put_bid + put_ask)
    quoted = (call_bid > 0) & (put_bid > 0)
    if not quoted.any():
        return float("nan"), 0
    at = int(np.argmin(np.where(quoted, np.abs(call - put), np.inf)))
    growth = np.exp(rate * years)
    forward = strike[at] + growth * (call[at] - put[at])
    centre = int(np.searchsorted(strike, forward, side="right")) - 1
    if centre < 0:
        return float("nan"), 0
    counts = np.zeros(len(strike), dtype=bool)
    counts[:centre] = _until_two_without_bid(put_bid[:centre][::-1])[::-1]
    counts[centre] = True
    counts[centre + 1 :] = _until_two_without_bid(call_bid[centre + 1 :])
    price = np.where(np.arange(len(strike)) < centre, put, call)
    price[centre] = 0.5 * (call[centre] + put[centre])
    chosen, price = strike[counts], price[counts]
    if len(chosen) < 2:
        return float("nan"), 0
    middle = (chosen[2:] - chosen[:-2]) / 2
    widths = np.concatenate([[chosen[1] - chosen[0]], middle, [chosen[-1] - chosen[-2]]])
    total = 2.0 * float(np.sum(widths / chosen**2 * growth * price))
    variance = (total - (forward / strike[centre] - 1.0) ** 2) / years
    return float(variance), len(chosen)


def index_of_tenors(variances: pl.DataFrame, days: Sequence[float]) -> Floats:
    """The volatility index of each tenor, shape [tenors], annualised fractions.

    `variances` are rows of :func:`expiry_variances`. NaN for a tenor that lies beyond the last
    expiry, or more than `FURTHEST_BELOW_DAYS` before the first.
    """
    if variances.is_empty():
        return np.full(len(days), np.nan)
    years = variances["years"].to_numpy()
    totals = variances["variance"].to_numpy() * years
    wanted = np.asarray(days) / DAYS_A_YEAR
    # Before the first expiry its variance is used.
    total = np.interp(wanted, np.append(0.0, years), np.append(0.0, totals), right=np.nan)
    early = wanted < years[0] - FURTHEST_BELOW_DAYS / DAYS_A_YEAR
    return np.asarray(np.where(early, np.nan, np.sqrt(total / wanted)), dtype=np.float64)


def _until_two_without_bid(bids: Floats) -> NDArray[np.bool_]:
    """Which strikes count, going outwards: all with a bid before two consecutive ones without."""
    none = bids <= 0
    ends = np.zeros(len(bids), dtype=bool)
    ends[1:] = none[1:] & none[:-1]
    return np.asarray(~none & ~np.logical_or.accumulate(ends), dtype=bool)
