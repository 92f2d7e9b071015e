"""Features of the volatility premium and of the VIX term structure.

They are inputs of votes (:mod:`options_platform.domain.planning.conditions.votes`); no model uses
them. Variances are annualised: the square of an annualised volatility, 0.04 for 20%.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from options_platform.domain.features.spec import Feature
from options_platform.domain.features.windows import percentile, rank, ratio, sma

VARIANCE = "annualised variance"

_premium = partial(Feature, family="volatility", model=False)

PREMIUM: tuple[Feature, ...] = (
    _premium(
        name="har_rv_21", unit=VARIANCE, inputs=("open", "high", "low", "close"), lookback=547,
        description="realised variance of the next 21 sessions forecast by a HAR model (Corsi "
        "2009) fitted before the month",
        formula=None, basis="given", low=0.0,
    ),
    _premium(
        name="har_rv_rank", unit="0 to 1", inputs=("har_rv_21",), lookback=252,
        description="(v - min) / (max - min) over 252 values of har_rv_21, today included",
        formula=lambda: rank("har_rv_21"), basis="har", low=0.0, high=1.0,
    ),
    _premium(
        name="vrp", unit=VARIANCE, inputs=("iv_close", "har_rv_21"), lookback=547,
        description="at-the-money variance over 30 days of the surface, without fits to stored "
        "chains - har_rv_21",
        formula=None, basis="vrp",
    ),
    _premium(
        name="vrp_percentile", unit="0 to 1", inputs=("vrp",), lookback=253,
        description="share of the 252 previous values of vrp below today's; above 0.5 it is above "
        "their median",
        formula=lambda: percentile("vrp"), basis="vrp", low=0.0, high=1.0,
    ),
    _premium(
        name="vix_to_mean_10", unit="ratio", inputs=("vix",), lookback=10,
        description="VIX / mean of the last 10 VIX closes",
        formula=lambda: ratio(pl.col("vix"), sma("vix", 10)), basis="vix", low=0.0,
    ),
    _premium(
        name="vix_to_vix3m", unit="ratio", inputs=("vix", "vix3m"), lookback=1,
        description="VIX / 3-month VIX",
        formula=lambda: ratio(pl.col("vix"), pl.col("vix3m")), basis="row", low=0.0,
    ),
    _premium(
        name="vix9d_to_vix", unit="ratio", inputs=("vix9d", "vix"), lookback=1,
        description="9-day VIX / VIX",
        formula=lambda: ratio(pl.col("vix9d"), pl.col("vix")), basis="row", low=0.0,
    ),
)  # fmt: skip
