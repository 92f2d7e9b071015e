"""The 20 volatility features, and `iv_rank` of the ticker's volatility index."""

from __future__ import annotations

import math
from functools import partial

import polars as pl

from options_platform.domain.features.spec import Feature
from options_platform.domain.features.windows import (
    TRADING_DAYS,
    lag,
    percentile,
    rank,
    ratio,
    sample_std,
    sma,
    total,
)

ANNUAL = "annualised fraction"
POINTS = "index points"
VIX_LOW, VIX_HIGH = 15.0, 25.0

_hv = partial(Feature, family="volatility", unit=ANNUAL, inputs=("log_return",), low=0.0)
_vix = partial(Feature, family="volatility", inputs=("vix",), basis="vix")


def _historical(n: int) -> pl.Expr:
    return sample_std("log_return", n) * math.sqrt(TRADING_DAYS)


def _parkinson(n: int) -> pl.Expr:
    scale = TRADING_DAYS / (4.0 * n * math.log(2.0))
    return (total("log_range_squared", n) * scale).sqrt()


VOLATILITY: tuple[Feature, ...] = (
    _hv(
        name="hv_5", description="sample deviation of 5 log returns x sqrt(252)", lookback=6,
        formula=lambda: _historical(5),
    ),
    _hv(
        name="hv_10", description="sample deviation of 10 log returns x sqrt(252)", lookback=11,
        formula=lambda: _historical(10),
    ),
    _hv(
        name="hv_20", description="sample deviation of 20 log returns x sqrt(252)", lookback=21,
        formula=lambda: _historical(20),
    ),
    _hv(
        name="hv_60", description="sample deviation of 60 log returns x sqrt(252)", lookback=61,
        formula=lambda: _historical(60),
    ),
    _hv(
        name="hv_120", description="sample deviation of 120 log returns x sqrt(252)", lookback=121,
        formula=lambda: _historical(120),
    ),
    Feature(
        "hv_ratio_5_20", "volatility", "hv_5 / hv_20", "ratio", ("hv_5", "hv_20"), 21,
        lambda: ratio(pl.col("hv_5"), pl.col("hv_20")), low=0.0,
    ),
    Feature(
        "hv_ratio_20_60", "volatility", "hv_20 / hv_60", "ratio", ("hv_20", "hv_60"), 61,
        lambda: ratio(pl.col("hv_20"), pl.col("hv_60")), low=0.0,
    ),
    _vix(
        name="vix", description="close of the VIX", unit=POINTS, lookback=1, formula=None, low=0.0,
    ),
    _vix(
        name="vix_sma_10", description="mean of the last 10 VIX closes", unit=POINTS, lookback=10,
        formula=lambda: sma("vix", 10), low=0.0,
    ),
    _vix(
        name="vix_sma_20", description="mean of the last 20 VIX closes", unit=POINTS, lookback=20,
        formula=lambda: sma("vix", 20), low=0.0,
    ),
    _vix(
        name="vix_rank", description="(v - min) / (max - min) over 252 VIX closes, today included",
        unit="0 to 1", lookback=252, formula=lambda: rank("vix"), low=0.0, high=1.0,
    ),
    _vix(
        name="vix_percentile", description="share of the 252 previous VIX closes below today's",
        unit="0 to 1", lookback=253, formula=lambda: percentile("vix"), low=0.0, high=1.0,
    ),
    Feature(
        "hv_iv_ratio", "volatility", "hv_20 / (iv_close / 100)", "ratio", ("hv_20", "iv_close"),
        21, lambda: ratio(pl.col("hv_20"), pl.col("iv_close") / 100.0), "row", low=0.0,
    ),
    _vix(
        name="vix_change_1d", description="VIX close / previous close - 1", unit="fraction",
        lookback=2, formula=lambda: pl.col("vix") / lag("vix", 1) - 1.0,
    ),
    _vix(
        name="vix_change_5d", description="VIX close / close 5 sessions before - 1",
        unit="fraction", lookback=6, formula=lambda: pl.col("vix") / lag("vix", 5) - 1.0,
    ),
    _vix(
        name="vix_zscore", description="(VIX - mean) / sample standard deviation, 60 sessions",
        unit="deviations", lookback=60,
        formula=lambda: ratio(pl.col("vix") - sma("vix", 60), sample_std("vix", 60)),
    ),
    _vix(
        name="vol_regime", description="low: VIX below 15; high: above 25; otherwise normal",
        unit="category", lookback=1, dtype=pl.String, values=("low", "normal", "high"),
        formula=lambda: (
            pl.when(pl.col("vix") < VIX_LOW)
            .then(pl.lit("low"))
            .when(pl.col("vix") > VIX_HIGH)
            .then(pl.lit("high"))
            .when(pl.col("vix").is_not_null())
            .then(pl.lit("normal"))
        ),
    ),
    _vix(
        name="vol_trend", description="mean of 5 VIX closes - mean of 20", unit=POINTS,
        lookback=20, formula=lambda: sma("vix", 5) - sma("vix", 20),
    ),
    Feature(
        "garch_forecast", "volatility",
        "volatility of the next 5 sessions forecast by a GARCH(1,1) fitted before the month",
        ANNUAL, ("log_return",), 505, None, "given", low=0.0,
    ),
    Feature(
        "parkinson_hv", "volatility", "Parkinson's high-low estimator over 20 sessions", ANNUAL,
        ("log_range_squared",), 20, lambda: _parkinson(20), low=0.0,
    ),
)  # fmt: skip

IV_RANK = Feature(
    "iv_rank", "volatility", "rank of the ticker's volatility index over 252 closes",
    "0 to 1", ("iv_close",), 252, lambda: rank("iv_close"), "iv", low=0.0, high=1.0,
)  # fmt: skip
